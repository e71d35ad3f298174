package api

import "testing"

func TestExtraSpecs(t *testing.T) {
	for _, tc := range []struct{ key, value, want string }{
		{"hw:cpu_policy", "shared", ""},
		{"hw:cpu_policy", "nope", "Validation failed; 'nope' is not one of: dedicated, shared, mixed."},
		{"hw:numa_nodes", "0", "Validation failed; '0' is less than the min value of '1'."},
		{"hw:redirected_usb_ports", "16", "Validation failed; '16' is greater than the max value of '15'."},
		{"hw:numa_nodes", "x", "Validation failed; 'x' is not a valid integer value."},
		{"hw:pmu", "maybe", "Validation failed; 'maybe' is not a valid boolean-like value."},
		{"hw:mem_page_size", "2Qb", `Validation failed; '2Qb' is not of the format '(large|small|any|\d+([kKMGT]i?)?(b|bit|B)?)'.`},
		{"hw:nosuch", "x", "Validation failed; extra spec 'hw:nosuch' does not appear to be a valid extra spec."},
		{"resources:VCPU", "2", ""},
		{"resources1:CUSTOM_GOLD", "1", ""},
		{"resources:GOLD", "1", "Validation failed; extra spec 'resources:GOLD' does not appear to be a valid extra spec."},
		{"trait:HW_CPU_X86_AVX", "required", ""},
		{"capabilities:cpu_info:arch", "x", ""},
		{"aggregate_instance_extra_specs:anything", "x", ""},
		{"custom:a", "b", ""},
		{"nosuch", "b", ""},
	} {
		got := ""
		if err := checkExtraSpec(tc.key, tc.value); err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s=%s: %q, want %q", tc.key, tc.value, got, tc.want)
		}
	}
}
