// cri asks a container runtime for sandboxes, over the container runtime interface (CRI), as a kubelet does.
//
// It serves the harness: one JSON request per line on standard input, one JSON answer per line on standard
// output, in the order in which they are ready. Every request runs at once, so forty lines are forty
// sandboxes at once. CRI_SOCKET is the runtime's socket.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// request is what the harness wants; which fields count depends on Op.
type request struct {
	ID        int      `json:"id"`
	Op        string   `json:"op"`
	Name      string   `json:"name"`
	Attempt   uint32   `json:"attempt"`
	Sandbox   string   `json:"sandbox"`
	Container string   `json:"container"`
	Image     string   `json:"image"`
	Args      []string `json:"args"`
	Ports     []port   `json:"ports"`
}

type port struct {
	Host      int32 `json:"host"`
	Container int32 `json:"container"`
	UDP       bool  `json:"udp"`
}

// answer carries either what was found or the runtime's error text, and how long the runtime took.
type answer struct {
	ID     int     `json:"id"`
	Ok     any     `json:"ok,omitempty"`
	Error  string  `json:"error,omitempty"`
	Millis float64 `json:"ms"`
}

type client struct{ runtime cri.RuntimeServiceClient }

func main() {
	conn, err := grpc.NewClient("unix://"+os.Getenv("CRI_SOCKET"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Fprintln(os.Stderr, "cri:", err)
		os.Exit(1)
	}
	c := client{cri.NewRuntimeServiceClient(conn)}
	var writing sync.Mutex
	var running sync.WaitGroup
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			fmt.Fprintln(os.Stderr, "cri: bad request:", err)
			os.Exit(1)
		}
		running.Add(1)
		go func() {
			defer running.Done()
			start := time.Now()
			a := answer{ID: r.ID}
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			if found, err := c.serve(ctx, r); err != nil {
				a.Error = err.Error()
			} else {
				a.Ok = found
			}
			a.Millis = float64(time.Since(start).Microseconds()) / 1000
			writing.Lock()
			defer writing.Unlock()
			_ = out.Encode(a)
		}()
	}
	running.Wait()
}

func (c client) serve(ctx context.Context, r request) (any, error) {
	switch r.Op {
	case "version":
		return c.runtime.Version(ctx, &cri.VersionRequest{})
	case "status":
		return c.status(ctx)
	case "run":
		return c.run(ctx, r)
	case "web":
		return c.web(ctx, r)
	case "list":
		return c.list(ctx)
	case "stop":
		_, err := c.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: r.Sandbox})
		return true, err
	case "remove":
		_, err := c.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: r.Sandbox})
		return true, err
	}
	return nil, fmt.Errorf("no such request: %q", r.Op)
}

// status is the network's condition alone: ready or not, and why.
func (c client) status(ctx context.Context) (any, error) {
	s, err := c.runtime.Status(ctx, &cri.StatusRequest{})
	if err != nil {
		return nil, err
	}
	for _, condition := range s.Status.Conditions {
		if condition.Type == cri.NetworkReady {
			return map[string]any{"ready": condition.Status, "reason": condition.Reason, "message": condition.Message}, nil
		}
	}
	return nil, fmt.Errorf("the runtime has no condition %s", cri.NetworkReady)
}

func (c client) run(ctx context.Context, r request) (any, error) {
	made, err := c.runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: r.sandbox()})
	if err != nil {
		return nil, err
	}
	seen, err := c.runtime.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: made.PodSandboxId})
	if err != nil {
		return nil, err
	}
	addresses := []string{}
	if network := seen.Status.Network; network != nil && network.Ip != "" {
		addresses = append(addresses, network.Ip)
		for _, more := range network.AdditionalIps {
			addresses = append(addresses, more.Ip)
		}
	}
	return map[string]any{"sandbox": made.PodSandboxId, "addresses": addresses}, nil
}

// sandbox is the configuration by which the runtime knows the sandbox, also when it adds a container.
func (r request) sandbox() *cri.PodSandboxConfig {
	config := &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: r.Name, Uid: "uid-of-" + r.Name, Namespace: "trestle", Attempt: r.Attempt},
		Hostname:     r.Name,
		LogDirectory: "/var/log/pods/" + r.Name,
		DnsConfig:    &cri.DNSConfig{Servers: []string{"192.0.2.53"}},
		Linux: &cri.LinuxPodSandboxConfig{
			SecurityContext: &cri.LinuxSandboxSecurityContext{
				NamespaceOptions: &cri.NamespaceOption{
					Network: cri.NamespaceMode_POD, Pid: cri.NamespaceMode_CONTAINER, Ipc: cri.NamespaceMode_POD,
				},
			},
		},
	}
	for _, p := range r.Ports {
		mapping := &cri.PortMapping{HostPort: p.Host, ContainerPort: p.Container}
		if p.UDP {
			mapping.Protocol = cri.Protocol_UDP
		}
		config.PortMappings = append(config.PortMappings, mapping)
	}
	return config
}

// web starts one container in a sandbox.
func (c client) web(ctx context.Context, r request) (any, error) {
	made, err := c.runtime.CreateContainer(ctx, &cri.CreateContainerRequest{
		PodSandboxId:  r.Sandbox,
		SandboxConfig: r.sandbox(),
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: "web"},
			Image:    &cri.ImageSpec{Image: r.Image},
			Args:     r.Args,
			LogPath:  "web.log",
			Linux:    &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{}},
		},
	})
	if err != nil {
		return nil, err
	}
	_, err = c.runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: made.ContainerId})
	return map[string]any{"container": made.ContainerId}, err
}

func (c client) list(ctx context.Context) (any, error) {
	all, err := c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return nil, err
	}
	found := []map[string]any{}
	for _, s := range all.Items {
		found = append(found, map[string]any{
			"sandbox": s.Id, "name": s.Metadata.Name, "ready": s.State == cri.PodSandboxState_SANDBOX_READY,
		})
	}
	return found, nil
}
