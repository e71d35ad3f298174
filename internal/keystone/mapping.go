package keystone

// Mapping is a set of rules that make users of assertions; package mapping
// knows their language.
type Mapping struct {
	ID            string `bun:"id,pk"`
	Rules         string `bun:"rules"` // JSON, a list
	SchemaVersion string `bun:"schema_version"`
}
