// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import dev.samara.examples.riscv.linux.Emulation;
import java.util.concurrent.CountDownLatch;

/**
 * A run that ends in order when the tool is asked to end, as by SIGTERM or Ctrl-C: the guest ends, and what it has
 * written to its files is saved.
 */
final class StoppedAtExit {
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
            hasEnded.await();
        } catch (InterruptedException unexpected) {
            // The tool ends, and files may be as the guest has left them in memory.
            Thread.currentThread().interrupt();
        }
    }

    private static void forget(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException ending) {
            // The hook runs already, and ends now.
        }
    }
}
