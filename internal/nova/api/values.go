package api

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"nacre/internal/oslo/fault"
)

// number is an integer that a client may also write as a string.
type number int

// UnmarshalJSON reads 3 and "3".
func (n *number) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	v, err := strconv.Atoi(text)
	*n = number(v)
	return err
}

// within checks what a schema cannot check of a number in a string.
func (n number) within(field string, low, high int) error {
	switch {
	case int(n) < low:
		return fault.BadRequest("Invalid input for field/attribute %s. Value: %d. %d is less than the minimum of %d", field, n, n, low)
	case int(n) > high:
		return fault.BadRequest("Invalid input for field/attribute %s. Value: %d. %d is greater than the maximum of %d", field, n, n, high)
	}
	return nil
}

// maxInt is the largest number that the API takes.
const maxInt = 1<<31 - 1

// boolish is a boolean that a client may also write as a string.
type boolish bool

// UnmarshalJSON reads true, "True", "1" and the like.
func (b *boolish) UnmarshalJSON(data []byte) error {
	v, ok := boolOf(strings.Trim(string(data), `"`))
	if !ok {
		return &json.UnmarshalTypeError{Value: string(data)}
	}
	*b = boolish(v)
	return nil
}

// boolOf reads a boolean as oslo.utils does strictly.
func boolOf(text string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "t", "true", "on", "y", "yes":
		return true, true
	case "0", "f", "false", "off", "n", "no":
		return false, true
	}
	return false, false
}

// float is written with a fraction even when it is whole.
type float float64

// MarshalJSON writes 1 as 1.0.
func (f float) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(float64(f), 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return []byte(text), nil
}

// stamp is a time as most of the API writes it: 2026-11-22T20:23:05.000000.
type stamp time.Time

// stampForm has microseconds and no zone.
const stampForm = `"2006-01-02T15:04:05.000000"`

// MarshalJSON writes it in stampForm.
func (s stamp) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(s).UTC().Format(stampForm)), nil
}

// stampOf is nil for no time.
func stampOf(t *time.Time) *stamp {
	if t == nil {
		return nil
	}
	s := stamp(*t)
	return &s
}

// orNil is nil for "".
func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// optional tells a field that is null (Set, Value nil) from one that is absent.
type optional struct {
	Set   bool
	Value *string
}

// UnmarshalJSON is called for null as well.
func (o *optional) UnmarshalJSON(data []byte) error {
	o.Set = true
	return json.Unmarshal(data, &o.Value)
}

// or is the text, def for null, and nil for an absent field.
func (o optional) or(def string) *string {
	if o.Set && o.Value == nil {
		return &def
	}
	return o.Value
}
