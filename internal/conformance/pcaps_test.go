package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// states responds with lists of one capture, in one state after the other; the last stays.
func states(states ...string) *recorder {
	next := 0
	return &recorder{respond: func(*http.Request) (*http.Response, error) {
		state := states[next]
		next = min(next+1, len(states)-1)
		return httpmock.NewStringResponse(200, `[{"tmqid":97,"state":"finished"},{"tmqid":98,"state":"`+state+`","filename":"/tm/x.pcap"}]`), nil
	}}
}

func TestWaitForACapture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, start := states("pending", "processing", "new state", "finished"), time.Now()
		capture, err := newClient(t, r).PCAPs.Wait(t.Context(), &darktrace.PCAP{ID: 98})
		require.NoError(t, err)
		assert.Equal(t, darktrace.PCAPFinished, capture.State)
		assert.Equal(t, 2*time.Second+4*time.Second+8*time.Second, time.Since(start))
		assert.Len(t, r.all(), 4)
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
		defer cancel()
		_, err := newClient(t, states("processing")).PCAPs.Wait(ctx, &darktrace.PCAP{ID: 98})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "capture 98 is still processing")
	})
	_, err := newClient(t, states("failed")).PCAPs.Wait(t.Context(), &darktrace.PCAP{ID: 98})
	require.ErrorIs(t, err, darktrace.ErrRejected)
	_, err = newClient(t, states("pending")).PCAPs.Wait(t.Context(), &darktrace.PCAP{ID: 99})
	require.ErrorIs(t, err, darktrace.ErrNotFound)
	assert.ErrorContains(t, err, "no capture 99")
	_, err = newClient(t, states("pending")).PCAPs.Wait(t.Context(), nil)
	require.ErrorIs(t, err, darktrace.ErrArgument)
}

func TestDownloadOfACapture(t *testing.T) {
	t.Parallel()
	capture := &darktrace.PCAP{Filename: "x.pcap"}
	download := func(r http.RoundTripper) (string, error) {
		var b bytes.Buffer
		err := newClient(t, r).PCAPs.Download(t.Context(), capture, &b)
		return b.String(), err
	}
	packets := "\xd4\xc3\xb2\xa1" + string(make([]byte, 100_000))
	got, err := download(responding(200, packets))
	require.NoError(t, err)
	assert.Equal(t, packets, got)
	newer := "\n\r\r\n<\x00\x00\x00\x4d\x3c\x2b\x1a" + string(make([]byte, 48))
	got, err = download(responding(200, newer))
	require.NoError(t, err, "its length is no page")
	assert.Equal(t, newer, got)
	got, err = download(&recorder{respond: func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(byteByByte(packets[:24]))}, nil
	}})
	require.NoError(t, err, "a header alone is a capture without packets")
	assert.Equal(t, packets[:24], got)

	for body, kind := range map[string]error{
		`{"data":"none"}`: darktrace.ErrDecode, `{"pcaps":"ERROR"}`: darktrace.ErrRejected, "<html>": darktrace.ErrLogin, "": darktrace.ErrDecode, "\xd4\xc3": darktrace.ErrDecode,
	} {
		got, err := download(responding(200, body))
		require.ErrorIs(t, err, kind, body)
		assert.Empty(t, got, body)
	}
	_, err = download(responding(200, "no capture"))
	require.EqualError(t, err, "darktrace: GET /pcaps/x.pcap: "+darktrace.ErrDecode.Error()+": the response is not a packet capture")
	full := errors.New("disk full")
	require.ErrorIs(t, newClient(t, responding(200, packets)).PCAPs.Download(t.Context(), capture, failingWriter{full}), full)
}

// byteByByte reads a text one byte at a time.
type byteReader struct{ left string }

func byteByByte(text string) io.Reader { return &byteReader{text} }

func (r *byteReader) Read(p []byte) (int, error) {
	if r.left == "" {
		return 0, io.EOF
	}
	p[0], r.left = r.left[0], r.left[1:]
	return 1, nil
}
