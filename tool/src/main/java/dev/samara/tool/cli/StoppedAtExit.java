// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.emulator.linux.Emulation;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A run that ends properly when the tool is terminated, e.g. by SIGTERM or Ctrl-C: the guest is ended, and its files
 * are written back.
 */
final class StoppedAtExit {
    /**
     * How long the tool waits for the end of the guest. The wait is limited because a thread of the guest may wait for
     * the host forever.
     */
    private static final long SECONDS = 10;

    private final Emulation emulation;
    private final CountDownLatch hasEnded = new CountDownLatch(1);

    StoppedAtExit(Emulation emulation) {
        this.emulation = emulation;
    }

    int run(RunOptions.Runner runner) throws Exception {
        Thread hook = new Thread(this::stop, "end of the guest");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            return runner.run(emulation);
        } finally {
            hasEnded.countDown();
            forget(hook);
        }
    }

    private void stop() {
        emulation.stop();
        try {
            if (!hasEnded.await(SECONDS, TimeUnit.SECONDS)) {
                emulation.complain("the guest does not end: what it has written last may not be in its files");
            }
        } catch (InterruptedException unexpected) {
            // The tool exits, so files may lack the guest's last writes.
            Thread.currentThread().interrupt();
        }
    }

    private static void forget(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException ending) {
            // The hook is already running, and ends now.
        }
    }
}
