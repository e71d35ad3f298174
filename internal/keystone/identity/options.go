package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Decode puts options into a struct, whose fields bear their names in the tag
// "option", over the defaults that are there. Values are of JSON, or texts as
// they stand in a configuration file; null leaves the default. Every mistake
// is reported.
func Decode(options map[string]any, into any) error {
	fields := map[string]reflect.Value{}
	v := reflect.ValueOf(into).Elem()
	for i := range v.NumField() {
		fields[v.Type().Field(i).Tag.Get("option")] = v.Field(i)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(options)) {
		field, ok := fields[name]
		if !ok || name == "" {
			errs = append(errs, fmt.Errorf("%s: there is no such option", name))
		} else if options[name] != nil {
			if err := set(field, options[name]); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	return errors.Join(errs...)
}

func set(field reflect.Value, value any) error {
	if list, ok := value.([]any); ok && field.Kind() == reflect.Slice {
		words := make([]string, len(list))
		for i, each := range list {
			words[i] = fmt.Sprint(each)
		}
		field.Set(reflect.ValueOf(words))
		return nil
	}
	text, err := scalar(value)
	if err != nil {
		return err
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		b, err := truth(text)
		field.SetBool(b)
		return err
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		field.SetInt(int64(n))
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		field.SetFloat(n)
	case reflect.Slice:
		field.Set(reflect.ValueOf(words(text)))
	default:
		return fmt.Errorf("a field of type %s", field.Type())
	}
	return nil
}

func scalar(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("%v is not of a type that an option can have", value)
}

func truth(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", text)
}

// words splits a list at its commas.
func words(text string) []string {
	out := []string{}
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.Trim(strings.TrimSpace(word), `"'`); word != "" {
			out = append(out, word)
		}
	}
	return out
}
