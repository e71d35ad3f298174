package neutron

import "encoding/json"

// Opt is a value a request may carry or not: absent and null are different
// things for many attributes (gateway_ip, port_id, fixed_ips …).
type Opt[T any] struct {
	Set   bool
	Value T
}

// Some is an Opt that is set.
func Some[T any](v T) Opt[T] { return Opt[T]{Set: true, Value: v} }

// UnmarshalJSON marks the value as set; null leaves the zero value.
func (o *Opt[T]) UnmarshalJSON(data []byte) error {
	o.Set = true
	return json.Unmarshal(data, &o.Value)
}

// To copies the value when it is set.
func (o Opt[T]) To(dst *T) {
	if o.Set {
		*dst = o.Value
	}
}

// Or is the value, or def when it is not set.
func (o Opt[T]) Or(def T) T {
	if o.Set {
		return o.Value
	}
	return def
}
