package service

import (
	"errors"
	"fmt"

	"nacre/internal/nova"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
)

// faultOf is what a server shows of a failure: the tenant's sentence, and for
// administrators the step and the cause.
func (s *Service) faultOf(err error) *nova.Fault {
	f := &nova.Fault{Code: 500, Created: s.clock.Now(), Message: "Unexpected error; an administrator can find the cause by the request ID.", Details: err.Error()}
	var where *flow.Failure
	step := ""
	if errors.As(err, &where) {
		step, f.Details = where.Step, fmt.Sprintf("step %s: %s", where.Step, where.Message)
	}
	if told, ok := fault.Of(err); ok {
		f.Message = told.Message
	} else if step != "" {
		f.Message = fmt.Sprintf("The step %q failed; an administrator can find the cause by the request ID.", step)
	}
	if len(f.Message) > 255 {
		f.Message = f.Message[:255]
	}
	return f
}

// failed is the result of an event that err ended.
func failed(err error) store.EventResult {
	return store.EventResult{Failed: true, Details: tenantText(err), Trace: err.Error()}
}

func tenantText(err error) string {
	if f, ok := fault.Of(err); ok {
		return f.Message
	}
	return ""
}
