package api

import (
	"nacre/internal/nova"
	"nacre/internal/oslo/fault"
	"nacre/internal/oslo/httpapi"
)

// volumeAttachmentRoutes are the volumes of servers. A server here boots from its image and no volume can be attached,
// so the list is empty and no volume is in it.
func (a *API) volumeAttachmentRoutes() httpapi.Table {
	const path = "/servers/{server_id}/os-volume_attachments"
	return httpapi.Table{
		{Method: "GET", Path: path, Status: 200, Rule: rule("os_compute_api:os-volumes-attachments:index", reader),
			Queries: httpapi.Schemas{"2.1": "volume_attachment_list_query_2.1.json", "2.75": "volume_attachment_list_query_2.75.json"},
			Do:      httpapi.On(a.svc.Server, a.listVolumeAttachments)},
		{Method: "GET", Path: path + "/{volume_id}", Status: 200, Rule: rule("os_compute_api:os-volumes-attachments:show", reader),
			Do: httpapi.On(a.svc.Server, a.showVolumeAttachment)},
	}
}

func (a *API) listVolumeAttachments(*httpapi.Call, nova.Server) (map[string][]struct{}, error) {
	return map[string][]struct{}{"volumeAttachments": {}}, nil
}

func (a *API) showVolumeAttachment(c *httpapi.Call, srv nova.Server) (httpapi.None, error) {
	return httpapi.None{}, fault.NotFound("Instance %s is not attached to volume %s", srv.ID, c.Param("volume_id"))
}
