package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// watchSignals returns a context that ends at the first signal to leave. The second one is not
// caught and ends the process at once. At a screen Ctrl-C never kills: those signals go to the
// shell, through interrupts.
func watchSignals(screen bool) (ctx context.Context, interrupts <-chan os.Signal) {
	leave := []os.Signal{syscall.SIGTERM, syscall.SIGHUP}
	if screen {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGINT)
		interrupts = c
	} else {
		leave = append(leave, syscall.SIGINT)
	}
	ctx, stop := signal.NotifyContext(context.Background(), leave...)
	context.AfterFunc(ctx, stop)
	return ctx, interrupts
}
