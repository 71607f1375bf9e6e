// libcni calls the reference's CNI library as a runtime does that has no CRI socket here (CRI-O, Nomad).
//
// One JSON request per line on standard input, one JSON answer per line on standard output.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
)

type request struct {
	Op        string `json:"op"`
	Conf      string `json:"conf"`  // path of the network configuration list
	Cache     string `json:"cache"` // the calling runtime's own memory
	Container string `json:"container"`
	Netns     string `json:"netns"`
	// Valid is GC's list; absent or null is sent as null, which is not the empty list.
	Valid *json.RawMessage `json:"valid"`
	// NoList says that Valid is to be left out of the request to the plugin.
	NoList bool `json:"noList"`
}

type answer struct {
	Ok     any     `json:"ok,omitempty"`
	Error  string  `json:"error,omitempty"`
	Code   uint    `json:"code,omitempty"`
	Millis float64 `json:"ms"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var r request
		var a answer
		start := time.Now()
		found, err := r.serve(lines.Bytes())
		if err != nil {
			a.Error = err.Error()
			if e, ok := err.(*types.Error); ok {
				a.Code = e.Code
			}
		} else {
			a.Ok = found
		}
		a.Millis = float64(time.Since(start).Microseconds()) / 1000
		_ = out.Encode(a)
	}
}

func (r *request) serve(line []byte) (any, error) {
	if err := json.Unmarshal(line, r); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := libcni.ConfListFromFile(r.Conf)
	if err != nil {
		return nil, err
	}
	cni := libcni.NewCNIConfigWithCacheDir([]string{"/opt/cni/bin"}, r.Cache, nil)
	attachment := &libcni.RuntimeConf{ContainerID: r.Container, NetNS: r.Netns, IfName: "eth0",
		Args: [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", "trestle"}, {"K8S_POD_NAME", r.Container}}}
	switch r.Op {
	case "add":
		return cni.AddNetworkList(ctx, list, attachment)
	case "check":
		return true, cni.CheckNetworkList(ctx, list, attachment)
	case "del":
		return true, cni.DelNetworkList(ctx, list, attachment)
	case "status":
		return true, cni.GetStatusNetworkList(ctx, list)
	case "gc":
		return true, r.gc(ctx, cni, list)
	}
	return nil, fmt.Errorf("no such request: %q", r.Op)
}

func (r *request) gc(ctx context.Context, cni *libcni.CNIConfig, list *libcni.NetworkConfigList) error {
	if r.NoList {
		return cni.GCNetworkList(ctx, list, nil)
	}
	args := &libcni.GCArgs{}
	if r.Valid != nil {
		if err := json.Unmarshal(*r.Valid, &args.ValidAttachments); err != nil {
			return err
		}
	}
	return cni.GCNetworkList(ctx, list, args)
}
