package darktrace

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// PCAPService creates and downloads packet captures: traffic that the appliance
// has recorded, in the format of Wireshark. It is the field PCAPs of a [Client]
// and safe for concurrent use. See the example of [PCAPService.Download].
//
// Its methods need the permission "Create PCAPs"; Download also needs "Download
// PCAPs".
type PCAPService service

// PCAP is a packet capture, finished or not. It can be neither deleted nor
// cancelled through the API.
//
// Threat Visualizer API: GET /pcaps.
type PCAP struct {
	ID       int64     `json:"tmqid,omitzero"`     // Id of the capture.
	State    PCAPState `json:"state,omitzero"`     // Its progress.
	Filename string    `json:"filename,omitzero"`  // Name of its file, for Download.
	Index    string    `json:"index,omitzero"`     // Where the appliance found the traffic.
	Protocol string    `json:"l3proto,omitzero"`   // "tcp" or "udp"; "" = both.
	IP1      string    `json:"ip1,omitzero"`       // One side of the traffic.
	Port1    int64     `json:"port1,omitzero"`     // Port of IP1; 0 = any.
	IP2      string    `json:"ip2,omitzero"`       // The other side; "" = any.
	Port2    int64     `json:"port2,omitzero"`     // Port of IP2; 0 = any.
	Start    Seconds   `json:"start,omitzero"`     // When the traffic begins.
	End      Seconds   `json:"end,omitzero"`       // When the traffic ends.
	Began    Seconds   `json:"startTime,omitzero"` // When the appliance began to create the capture.
	Finished Seconds   `json:"endTime,omitzero"`   // When the capture was ready; 0 = not yet.
	Extra    RawJSON   `json:"-"`                  // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// PCAPState is the progress of a packet capture. The set is open.
type PCAPState string

// States of a packet capture.
const (
	PCAPPending    PCAPState = "pending"    // Waiting.
	PCAPProcessing PCAPState = "processing" // Under way.
	PCAPFinished   PCAPState = "finished"   // Ready for Download.
	PCAPFailed     PCAPState = "failed"     // Failed; inferred, not documented.
)

// PCAPRequest says which traffic to capture.
type PCAPRequest struct {
	// IP1 is the address whose traffic to capture. It is required.
	IP1 string
	// IP2 is the address on the other side; empty means any.
	IP2 string
	// Port1 is the port of IP1; 0 means any.
	Port1 int
	// Port2 is the port of IP2; 0 means any.
	Port2 int
	// Protocol is "tcp" or "udp", which needs IP2 and Port2; empty means both.
	Protocol string
	// Start and End bound the traffic, at most 30 minutes apart. Both are
	// required. They are sent in whole seconds, End rounded up unless that
	// would be more than 30 minutes.
	Start time.Time
	// End is the end of the traffic; see Start.
	End time.Time
}

const longestCapture = 30 * time.Minute

func (r *PCAPRequest) check() error {
	switch {
	case r == nil:
		return argument("request", "is nil")
	case strings.TrimSpace(r.IP1) == "":
		return argument("IP1", "is empty")
	case r.Port1 < 0 || r.Port1 > 65535:
		return argument("Port1", "is %d, which is not a port", r.Port1)
	case r.Port2 < 0 || r.Port2 > 65535:
		return argument("Port2", "is %d, which is not a port", r.Port2)
	case r.Protocol != "" && r.Protocol != "tcp" && r.Protocol != "udp":
		return argument("Protocol", "is %q; it must be tcp or udp", r.Protocol)
	case r.Protocol != "" && (r.IP2 == "" || r.Port2 == 0):
		return argument("Protocol", "requires IP2 and Port2")
	case r.Start.Unix() <= 0 || r.End.Unix() <= 0:
		return argument("Start", "and End are both required")
	case !r.Start.Before(r.End):
		return argument("Start", "(%v) is not before End (%v)", r.Start.UTC().Format(time.RFC3339), r.End.UTC().Format(time.RFC3339))
	case r.End.Sub(r.Start) > longestCapture:
		return argument("End", "is more than 30 minutes after Start")
	}
	return nil
}

// List returns all packet captures.
//
// Threat Visualizer API: GET /pcaps.
func (s *PCAPService) List(ctx context.Context) ([]*PCAP, error) {
	return getList[PCAP](ctx, s.client(), "/pcaps", nil)
}

// Create requests a packet capture, which takes a while: see Wait. Each call
// creates a new capture. After ErrOutcomeUnknown, look for it in List before
// you try again.
//
// Threat Visualizer API: POST /pcaps.
func (s *PCAPService) Create(ctx context.Context, request *PCAPRequest) (*PCAP, error) {
	if err := request.check(); err != nil {
		return nil, err
	}
	start := request.Start.Unix()
	end := min(ceilSeconds(request.End), start+int64(longestCapture/time.Second))
	return post[PCAP](ctx, s.client(), &Request{Method: http.MethodPost, Path: "/pcaps", JSON: struct {
		IP1      string `json:"ip1"`
		IP2      string `json:"ip2,omitzero"`
		Port1    int    `json:"port1,omitzero"`
		Port2    int    `json:"port2,omitzero"`
		Start    int64  `json:"start"`
		End      int64  `json:"end"`
		Protocol string `json:"protocol,omitzero"`
	}{request.IP1, request.IP2, request.Port1, request.Port2, start, end, request.Protocol}})
}

// Wait waits until a capture is finished, and returns it. It asks every 2
// seconds at first, and every 30 seconds later. If the capture failed, Wait returns
// ErrRejected. If the appliance does not list it, Wait returns ErrNotFound. It
// returns earlier only if the context ends or List fails.
//
// Threat Visualizer API: GET /pcaps.
func (s *PCAPService) Wait(ctx context.Context, capture *PCAP) (*PCAP, error) {
	if capture == nil {
		return nil, argument("capture", "is nil")
	}
	what := "capture " + strconv.FormatInt(capture.ID, 10)
	for wait := 2 * time.Second; ; wait = min(2*wait, 30*time.Second) {
		captures, err := s.List(ctx)
		if err != nil {
			return nil, err
		}
		var current *PCAP
		for _, c := range captures {
			if c.ID == capture.ID {
				current = c
			}
		}
		switch {
		case current == nil:
			return nil, failed(ErrNotFound, http.MethodGet, "/pcaps", "no "+what, nil, s.client().redact)
		case current.State == PCAPFinished:
			return current, nil
		case current.State == PCAPFailed:
			return nil, failed(ErrRejected, http.MethodGet, "/pcaps", what+" failed", nil, s.client().redact)
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, failed(ErrConnection, http.MethodGet, "/pcaps", what+" is still "+string(current.State), err, s.client().redact)
		}
	}
}

// Download writes a finished capture to w as it arrives, in the pcap format. A
// capture without packets is only a file header. If the response is not a
// capture, Download returns ErrDecode and writes nothing. If writing fails, it
// returns that error, wrapped. After any other error w may hold the beginning
// of the capture.
//
// Threat Visualizer API: GET /pcaps/{filename}.
func (s *PCAPService) Download(ctx context.Context, capture *PCAP, w io.Writer) error {
	if capture == nil {
		return argument("capture", "is nil")
	}
	if isNil(w) {
		return argument("w", "is nil")
	}
	name := strings.TrimPrefix(capture.Filename, "/tm/")
	if name == "" || strings.Contains(name, "/") {
		return argument("capture", "has the file name %q; only a finished capture can be downloaded", capture.Filename)
	}
	return s.client().do(ctx, &Request{Path: pathOf("pcaps", name), Header: http.Header{"Accept": {"*/*"}}}, &captureWriter{w: w})
}

// captureWriter rejects data that does not begin like a packet capture.
type captureWriter struct {
	w     io.Writer
	begun []byte
	known bool
}

// magics are the first bytes of captures: in either byte order, in micro- or
// nanoseconds, and of the newer format.
var magics = [][]byte{{0xd4, 0xc3, 0xb2, 0xa1}, {0xa1, 0xb2, 0xc3, 0xd4}, {0x4d, 0x3c, 0xb2, 0xa1}, {0xa1, 0xb2, 0x3c, 0x4d}, pcapng}

// pcapng is white space, and a length follows it that can look like the beginning
// of a page.
var pcapng = []byte{0x0a, 0x0d, 0x0d, 0x0a}

var errNoCapture = errors.New("the response is not a packet capture")

func (c *captureWriter) Write(data []byte) (int, error) {
	if c.known {
		return c.w.Write(data)
	}
	if c.begun = append(c.begun, data...); len(c.begun) < len(magics[0]) {
		return len(data), nil
	}
	for _, magic := range magics {
		c.known = c.known || bytes.HasPrefix(c.begun, magic)
	}
	if !c.known {
		return 0, errNoCapture
	}
	if _, err := c.w.Write(c.begun); err != nil {
		return 0, err
	}
	return len(data), nil
}
