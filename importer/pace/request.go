package pace

import (
	"context"
	"errors"
	"importer/importer/contact"
)

// Request sends one request outside of a run: it buys a token for each attempt,
// counts it, and tries again what was certainly not processed, up to retries
// times. An error of the API is an *APIError; the only other error is that of
// ctx. The request itself is not cut short by ctx.
func Request(ctx context.Context, pacer *Pacer, progress *contact.Progress, retries int, request func(context.Context) error) error {
	delays := RetryBackOff()
	for failures := 0; ; {
		bought, err := pacer.Wait(ctx)
		if err != nil {
			return err
		}
		progress.Requests.Add(1)
		err = request(context.WithoutCancel(ctx))
		pacer.Done(bought, err)
		if err == nil {
			return nil
		}
		problem := contact.AsAPIError(err)
		switch problem.Class {
		case contact.Throttled:
			progress.Throttled.Add(1)
			continue
		case contact.Transient:
			failures++
			if failures <= retries && Sleep(ctx.Done(), delays.NextBackOff()) {
				progress.Retries.Add(1)
				continue
			}
		}
		return errors.Join(problem, ctx.Err())
	}
}
