package darktracetest_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestClientReachesTheServer(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]darktracetest.Option{
		"https":    nil,
		"http":     {darktracetest.WithHTTP()},
		"http2":    {darktracetest.WithHTTP2()},
		"prefix":   {darktracetest.WithPathPrefix("/a/b")},
		"stripped": {darktracetest.WithStrippedPathPrefix("/a/b")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := darktracetest.NewServer(append(opts, darktracetest.WithTB(t))...)
			require.NoError(t, srv.Client().Ping(t.Context()))
			require.Len(t, srv.Requests(), 1)
		})
	}
}

func TestClientInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := darktracetest.NewServer(darktracetest.InMemory(), darktracetest.WithTB(t))
		client := srv.Client()
		require.NoError(t, client.Ping(t.Context()))
		synctest.Wait()
		require.Len(t, srv.Requests(), 1)
		client.CloseIdleConnections()
	})
}
