package darktracetest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestCloudGateway(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithCloudGateway(), darktracetest.WithTB(t))
	events := darktracetest.Incidents(1, 3)
	srv.AddEvents(events...)
	client := srv.Client()
	require.NoError(t, client.AIAnalyst.PostComment(t.Context(), events[0].ID, "Seen."))
	assert.Equal(t, "api.user", srv.Comments(events[0].ID)[0].Username)
	srv.RevokeBearerTokens()
	require.NoError(t, client.AIAnalyst.Acknowledge(t.Context(), events[0].ID), "a new bearer token is fetched")
	assert.True(t, srv.Event(events[0].ID).Acknowledged)
	assert.Equal(t, "accepted", string(srv.Requests()[0].Verdict))
	assert.Equal(t, "/oauth/token", srv.Requests()[0].Path)
}

func TestCloudGatewayRefuses(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithCloudGateway())
	defer srv.Close()
	auth, err := darktrace.NewTokenAuth(srv.PublicToken, srv.PrivateToken)
	require.NoError(t, err)
	signed, err := darktrace.NewClient(srv.URL, auth, darktrace.WithRootCAs(srv.CertPool()))
	require.NoError(t, err)
	require.ErrorIs(t, signed.Ping(t.Context()), darktrace.ErrSignature, "signatures are nothing to it")

	post := func(id, secret string, form url.Values) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.TokenURL(), strings.NewReader(form.Encode()))
		require.NoError(t, err)
		if id != "" {
			req.SetBasicAuth(id, secret)
		}
		resp, err := srv.HTTPClient().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	grant := url.Values{"grant_type": {"client_credentials"}}
	assert.Equal(t, http.StatusOK, post(srv.PublicToken, srv.PrivateToken, grant))
	assert.Equal(t, http.StatusUnauthorized, post(srv.PublicToken, "wrong", grant))
	assert.Equal(t, http.StatusBadRequest, post(srv.PublicToken, srv.PrivateToken, nil))
	grant.Set("client_id", srv.PublicToken)
	grant.Set("client_secret", srv.PrivateToken)
	assert.Equal(t, http.StatusOK, post("", "", grant))

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/tags", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer bearer-1")
	resp, err := srv.HTTPClient().Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusForbidden, resp.StatusCode, "without an author")
}
