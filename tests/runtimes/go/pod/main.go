// pod is the only file of the image that the test pods run.
//
//	pod          waits for SIGTERM
//	pod web ADDR answers HTTP with its host name and the caller's address
//	pod get URL  prints the answer
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if err := run(append(os.Args[1:], "", "")); err != nil {
		fmt.Fprintln(os.Stderr, "pod:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch args[0] {
	case "get":
		answer, err := (&http.Client{Timeout: 5 * time.Second}).Get(args[1])
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		_, err = io.Copy(os.Stdout, answer.Body)
		return err
	case "web":
		name, _ := os.Hostname()
		failed := make(chan error, 1)
		go func() {
			failed <- http.ListenAndServe(args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, "%s sees %s\n", name, r.RemoteAddr)
			}))
		}()
		return wait(failed)
	}
	return wait(nil)
}

// wait ends at a signal without error: a pod that is stopped has not failed.
func wait(failed <-chan error) error {
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	select {
	case err := <-failed:
		return err
	case <-ended.Done():
		return nil
	}
}
