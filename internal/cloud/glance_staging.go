package cloud

import (
	"fmt"
	"strings"
)

// checkStaging reports a staging area that is no directory.
func (o GlanceOptions) checkStaging() error {
	if dir, ok := strings.CutPrefix(o.NodeStagingURI, "file:///"); o.NodeStagingURI != "" && (!ok || dir == "") {
		return fmt.Errorf("node_staging_uri: %q is not file:///path", o.NodeStagingURI)
	}
	return nil
}

// staging is the directory of the staging area.
func (o GlanceOptions) staging(env *Env) (string, error) {
	if o.NodeStagingURI != "" {
		return strings.TrimPrefix(o.NodeStagingURI, "file://"), nil
	}
	return env.Dir("glance", "staging")
}
