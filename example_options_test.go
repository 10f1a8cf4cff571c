package darktrace_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// At debug level there is a line for each attempt, at warn level one for each
// retry.
func ExampleWithLogger() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { // Only for an output that is always the same.
			if a.Key == slog.TimeKey || a.Key == "duration" {
				return slog.Attr{}
			}
			return a
		},
	})
	client := srv.Client(darktrace.WithLogger(slog.New(handler)))

	if err := client.Ping(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// level=DEBUG msg="darktrace: request" method=GET path=/aianalyst/incidentevents query=includeacknowledged,uuid status=200 attempt=1 bytes=2
}

// Appliances on premises often have a certificate of a private CA.
func ExampleWithRootCAFile() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "ca.pem")
	if err := os.WriteFile(file, srv.CAPEM(), 0o600); err != nil {
		log.Panic(err)
	}
	auth, err := darktrace.NewTokenAuth(srv.PublicToken, srv.PrivateToken)
	if err != nil {
		log.Panic(err)
	}

	client, err := darktrace.NewClient(srv.URL, auth, darktrace.WithRootCAFile(file))
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(client.Ping(context.Background()))
	// Output: <nil>
}

// Trust a private CA beside those of the system.
func ExampleWithRootCAs() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	auth, err := darktrace.NewTokenAuth(srv.PublicToken, srv.PrivateToken)
	if err != nil {
		log.Fatal(err)
	}

	pool, err := x509.SystemCertPool()
	if err != nil {
		log.Fatal(err)
	}
	pool.AppendCertsFromPEM(srv.CAPEM())
	client, err := darktrace.NewClient(srv.URL, auth, darktrace.WithRootCAs(pool))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Ping(context.Background()))
	// Output: <nil>
}

// Without this option the environment decides, as with other Go programs;
// WithProxy(nil) sends directly, even if it names a proxy.
func ExampleWithProxy() {
	srv := darktracetest.NewServer(darktracetest.WithHTTP())
	defer srv.Close()
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		fmt.Println("the proxy passes on", r.In.Method, r.In.URL.Path)
	}})
	defer proxy.Close()
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		log.Fatal(err)
	}

	client := srv.Client(darktrace.WithProxy(http.ProxyURL(proxyURL)))
	fmt.Println(client.Ping(context.Background()))
	// Output:
	// the proxy passes on GET /aianalyst/incidentevents
	// <nil>
}

// A gateway may want to know more than the appliance does.
func ExampleWithHeader() {
	srv := darktracetest.NewServer()
	defer srv.Close()

	client := srv.Client(darktrace.WithHeader("X-Tenant", "example"), darktrace.WithUserAgent("ticket-sync/2.1"))
	if err := client.Ping(context.Background()); err != nil {
		log.Fatal(err)
	}
	header := srv.Requests()[0].Header
	fmt.Println(header.Get("X-Tenant"), header.Get("User-Agent"))
	// Output: example ticket-sync/2.1
}

// A hook sees each call and its outcome: the place for spans and metrics.
func ExampleWithCallHook() {
	srv := darktracetest.NewServer()
	defer srv.Close()

	client := srv.Client(darktrace.WithCallHook(
		func(ctx context.Context, call darktrace.CallInfo) (context.Context, func(darktrace.CallResult)) {
			return ctx, func(result darktrace.CallResult) {
				fmt.Println(call.Operation, call.Method, call.Path, result.Attempts, result.StatusCode, result.Err)
			}
		}))
	if _, err := client.Status.Get(context.Background(), nil); err != nil {
		log.Fatal(err)
	}
	// Output: Status.Get GET /status 1 200 <nil>
}
