package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nacre/internal/nova"
	"nacre/internal/nova/rpcapi"
	"nacre/internal/nova/store"
	"nacre/internal/oslo/auth"
	"nacre/internal/oslo/db"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/flow"
	"nacre/internal/oslo/messaging"
)

// Interface is a port of a server with its status in Neutron.
type Interface struct {
	nova.VIF
	State string // ACTIVE, DOWN, BUILD, ERROR
}

// Interfaces reads a server's ports afresh.
func (s *Service) Interfaces(ctx context.Context, srv nova.Server) ([]Interface, error) {
	vifs, err := s.networks.VIFs(ctx, srv)
	if err != nil || len(vifs) == 0 {
		return nil, err
	}
	states, err := s.networks.PortStates(ctx, srv.ID)
	if err != nil {
		return nil, err
	}
	out := make([]Interface, len(vifs))
	for i, v := range vifs {
		out[i] = Interface{v, states[v.PortID]}
	}
	return out, nil
}

// Interface is one of a server's ports.
func (s *Service) Interface(ctx context.Context, srv nova.Server, portID string) (Interface, error) {
	all, err := s.Interfaces(ctx, srv)
	if err != nil {
		return Interface{}, err
	}
	for _, i := range all {
		if i.PortID == portID {
			return i, nil
		}
	}
	return Interface{}, fault.NotFound("Instance %s does not have a port with id %s", srv.ID, portID)
}

// serverInterface is the state of the flows that plug and unplug a port.
type serverInterface struct {
	ServerID string              `json:"server_id"`
	Want     nova.NetworkRequest `json:"want,omitzero"`   // of an attachment
	Known    []string            `json:"known,omitempty"` // the server's ports before that
	VIF      nova.VIF            `json:"vif"`             // known from the start for a detachment
	EventID  string              `json:"event_id,omitempty"`
}

// pluggable are the vm_states in which ports come and go.
var pluggable = []nova.VMState{nova.Active, nova.Paused, nova.Stopped}

// AttachInterface plugs a port into a server and returns it once that is done. A want that names nothing takes the
// project's network; external allows networks that are external and not shared.
func (s *Service) AttachInterface(ctx context.Context, srv nova.Server, want nova.NetworkRequest, external bool) (Interface, error) {
	if err := s.mayPlug(ctx, srv, "attach_interface"); err != nil {
		return Interface{}, err
	}
	wish := nova.NetworkWish{ProjectID: srv.ProjectID, Networks: []nova.NetworkRequest{want}, External: external, Count: 1}
	if want.NetworkID == "" && want.PortID == "" {
		wish.Networks, wish.Auto = nil, true
	}
	plan, err := s.networks.Resolve(ctx, wish)
	if err != nil {
		return Interface{}, err
	}
	if len(plan.Requests) == 0 {
		return Interface{}, fault.BadRequest("No specific network was requested and none are available for project '%s'.", srv.ProjectID)
	}
	found := plan.Requests[0]
	found.Tag = want.Tag
	if err := s.startPlugging(ctx, s.attaches, srv, "attach_interface", serverInterface{ServerID: srv.ID, Want: found}); err != nil {
		return Interface{}, err
	}
	return s.attached(ctx, srv)
}

// DetachInterface begins to unplug a port of a server.
func (s *Service) DetachInterface(ctx context.Context, srv nova.Server, portID string) error {
	if err := s.mayPlug(ctx, srv, "detach_interface"); err != nil {
		return err
	}
	vif, ok := srv.VIF(portID)
	if !ok {
		return fault.NotFound("Port id %s could not be found.", portID)
	}
	return s.startPlugging(ctx, s.detaches, srv, "detach_interface", serverInterface{ServerID: srv.ID, VIF: vif})
}

func (s *Service) mayPlug(ctx context.Context, srv nova.Server, doing string) error {
	if err := s.checkLock(ctx, srv); err != nil {
		return err
	}
	return refusal(srv, doing, pluggable, []nova.TaskState{nova.NoTask}, false)
}

// How long one change of a server's ports waits for another, and how often it looks.
const (
	plugPatience = 30 * time.Second
	plugPoll     = 50 * time.Millisecond
)

// startPlugging records the action and its flow once no other port of the server comes or goes.
func (s *Service) startPlugging(ctx context.Context, start flow.Starter[serverInterface], srv nova.Server, action string, st serverInterface) error {
	deadline := s.clock.Now().Add(plugPatience)
	for {
		err := s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
			for _, other := range []flow.Starter[serverInterface]{s.attaches, s.detaches} {
				if live, err := other.Live(ctx, tx, srv.ID); err != nil || live {
					return errors.Join(err, db.ErrDuplicate)
				}
			}
			now, err := tx.Server(ctx, srv.ID)
			if err != nil {
				return notFound(err, srv.ID)
			}
			if err := tx.BeginAction(ctx, srv.ID, action); err != nil {
				return err
			}
			st.Known = portIDs(now.NetworkInfo)
			return start.Start(ctx, tx.Tx, srv.ID, st)
		})
		if !errors.Is(err, db.ErrDuplicate) {
			s.wakeConductor(ctx)
			return err
		}
		if s.clock.Now().After(deadline) {
			return fault.Conflict("Cannot '%s' instance %s while another interface of it is being changed", action, srv.ID)
		}
		if err := pause(ctx, plugPoll); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// attached waits for the flow of this request and returns the port that it plugged.
func (s *Service) attached(ctx context.Context, srv nova.Server) (Interface, error) {
	for {
		views, err := s.flows.Flows(ctx, srv.ID)
		if err != nil {
			return Interface{}, err
		}
		i := slices.IndexFunc(views, func(v flow.View) bool {
			return v.Name == attachFlow && v.RequestID == auth.RequestID(ctx) && !v.FinishedAt.IsZero()
		})
		if i >= 0 {
			return s.outcome(ctx, srv, views[i])
		}
		if err := pause(ctx, plugPoll); err != nil {
			return Interface{}, err
		}
	}
}

// outcome is the port that a finished flow plugged, or why it did not.
func (s *Service) outcome(ctx context.Context, srv nova.Server, v flow.View) (Interface, error) {
	if v.Failure != nil {
		if f, ok := fault.Of(v.Failure); ok {
			return Interface{}, f
		}
		return Interface{}, fault.New(500, "Failed to attach network adapter device to %s", srv.ID).Cause(v.Failure)
	}
	now, err := s.store.Server(ctx, srv.ID)
	if err != nil {
		return Interface{}, notFound(err, srv.ID)
	}
	for _, vif := range now.NetworkInfo {
		if _, had := srv.VIF(vif.PortID); !had {
			return s.Interface(ctx, now, vif.PortID)
		}
	}
	return Interface{}, fault.Conflict("The interface was detached again from instance %s", srv.ID)
}

const (
	attachFlow = "server_attach_interface"
	detachFlow = "server_detach_interface"
)

func (s *Service) attachFlow() flow.Flow[serverInterface] {
	return flow.Flow[serverInterface]{Name: attachFlow,
		Steps: []flow.Step[serverInterface]{
			{Name: "port", Do: s.ensurePort, Undo: s.dropPort},
			{Name: "record", Do: s.recordPort, Undo: s.forgetPort},
			{Name: "plug", Do: s.plug, Undo: s.unplug},
		},
		Failed: s.plugFailed, Done: s.plugDone,
	}
}

func (s *Service) detachFlow() flow.Flow[serverInterface] {
	return flow.Flow[serverInterface]{Name: detachFlow,
		Steps: []flow.Step[serverInterface]{
			{Name: "unplug", Do: s.unplugForGood},
			{Name: "port", Do: s.dropPort},
			{Name: "forget", Do: s.forgetPort},
		},
		Failed: s.plugFailed, Done: s.plugDone,
	}
}

func portIDs(vifs []nova.VIF) []string {
	ids := make([]string, len(vifs))
	for i, v := range vifs {
		ids[i] = v.PortID
	}
	return ids
}

// ensurePort makes or binds the port. It asks for the ports that the server had before, so that the new one is told
// from them: after a crash the row may know of that, too, for it follows what Neutron says.
func (s *Service) ensurePort(ctx context.Context, st *serverInterface) error {
	srv, err := s.store.Server(ctx, st.ServerID)
	if err != nil {
		return flow.Permanent(notFound(err, st.ServerID))
	}
	if st.EventID, err = s.store.BeginEvent(ctx, st.ServerID, "compute_attach_interface", srv.Host); err != nil {
		return err
	}
	var wants []nova.NetworkRequest
	for _, v := range srv.NetworkInfo {
		if v.PortID != st.Want.PortID && slices.Contains(st.Known, v.PortID) {
			wants = append(wants, nova.NetworkRequest{PortID: v.PortID})
		}
	}
	vifs, err := s.networks.EnsurePorts(ctx, srv, append(wants, st.Want))
	if err != nil {
		return err
	}
	st.VIF = vifs[len(vifs)-1]
	return nil
}

// dropPort deletes the port, or frees one that was there before. After a crash before the port was recorded it is what
// the server has on that network and did not have before.
func (s *Service) dropPort(ctx context.Context, st *serverInterface) error {
	if st.VIF.PortID != "" {
		return s.networks.DeletePort(ctx, st.VIF.PortID, !st.VIF.Created)
	}
	if st.Want.PortID != "" {
		return s.networks.DeletePort(ctx, st.Want.PortID, true)
	}
	srv, err := s.store.AnyServer(ctx, st.ServerID)
	if err != nil {
		return err
	}
	vifs, err := s.networks.VIFs(ctx, srv)
	for _, v := range vifs {
		if !slices.Contains(st.Known, v.PortID) && v.NetworkID == st.Want.NetworkID {
			err = errors.Join(err, s.networks.DeletePort(ctx, v.PortID, false))
		}
	}
	return err
}

func (s *Service) recordPort(ctx context.Context, st *serverInterface) error {
	return s.changePorts(ctx, st.ServerID, func(vifs []nova.VIF) []nova.VIF {
		return append(without(vifs, st.VIF.PortID), st.VIF)
	})
}

func (s *Service) forgetPort(ctx context.Context, st *serverInterface) error {
	err := s.changePorts(ctx, st.ServerID, func(vifs []nova.VIF) []nova.VIF { return without(vifs, st.VIF.PortID) })
	if errors.Is(err, db.ErrNoRow) {
		return nil
	}
	return err
}

func without(vifs []nova.VIF, portID string) []nova.VIF {
	return slices.DeleteFunc(slices.Clone(vifs), func(v nova.VIF) bool { return v.PortID == portID })
}

// changePorts changes what a server's row says of its ports. db.ErrNoRow.
func (s *Service) changePorts(ctx context.Context, serverID string, change func([]nova.VIF) []nova.VIF) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		srv, err := tx.Server(ctx, serverID)
		if err != nil {
			return err
		}
		srv.NetworkInfo = change(srv.NetworkInfo)
		return tx.UpdateServer(ctx, srv, "network_info")
	})
}

func (s *Service) plug(ctx context.Context, st *serverInterface) error {
	return awaitHost(ctx, s.tellHost(ctx, st, rpcapi.AttachInterface.Call))
}

func (s *Service) unplug(ctx context.Context, st *serverInterface) error {
	return s.tellHost(ctx, st, rpcapi.DetachInterface.Call)
}

// unplugForGood is tried until the host has done it: a port in use must not be freed.
func (s *Service) unplugForGood(ctx context.Context, st *serverInterface) error {
	srv, err := s.store.AnyServer(ctx, st.ServerID)
	if err != nil {
		return again(ctx, err)
	}
	if st.EventID == "" {
		if st.EventID, err = s.store.BeginEvent(ctx, st.ServerID, "compute_detach_interface", srv.Host); err != nil {
			return again(ctx, err)
		}
	}
	return again(ctx, s.unplug(ctx, st))
}

// tellHost asks the server's host; a guest that is not there has no ports to plug.
func (s *Service) tellHost(ctx context.Context, st *serverInterface,
	call func(ctx context.Context, bus messaging.Bus, topic string, q rpcapi.InterfaceRequest) (rpcapi.Done, error)) error {
	srv, err := s.store.AnyServer(ctx, st.ServerID)
	if err != nil {
		return err
	}
	if srv.Host == "" || st.VIF.PortID == "" {
		return nil
	}
	_, err = call(ctx, s.bus, rpcapi.ComputeTopic(srv.Host), rpcapi.InterfaceRequest{ServerID: st.ServerID, VIF: st.VIF, Fence: flow.Fence(ctx)})
	if fault.Is(err, 404) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("host %s, port %s: %w", srv.Host, st.VIF.PortID, err)
	}
	return nil
}

func (s *Service) plugDone(ctx context.Context, st *serverInterface) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.EndEvent(ctx, st.EventID, store.EventResult{})
	})
}

func (s *Service) plugFailed(ctx context.Context, st *serverInterface, failure error) error {
	return s.store.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.EndEvent(ctx, st.EventID, failed(failure)); err != nil {
			return err
		}
		return tx.FailAction(ctx, st.ServerID)
	})
}
