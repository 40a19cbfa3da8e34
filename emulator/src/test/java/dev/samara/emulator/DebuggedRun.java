// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.gdb.GdbServer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A run of the program {@code debugged} that waits for a debugger. Closing this object ends the run. */
final class DebuggedRun implements AutoCloseable {
    private static final int SECONDS = 30;

    private final GdbServer server;
    private final Thread thread;
    private final CompletableFuture<GuestRun.GuestResult> result = new CompletableFuture<>();

    DebuggedRun(Path root, String... arguments) throws IOException {
        server = GdbServer.listen(0);
        thread = new Thread(() -> run(root, arguments), "emulation");
        thread.start();
    }

    private void run(Path root, String... arguments) {
        try {
            result.complete(
                    new GuestRun(root).debugger(server.debugger()).run(GuestRun.program("debugged"), arguments));
        } catch (Throwable failure) {
            result.completeExceptionally(failure);
        }
    }

    int port() {
        return server.port();
    }

    RspClient connect() throws IOException {
        return new RspClient(server.port());
    }

    /** Waits for the end of the guest. */
    GuestRun.GuestResult result() throws InterruptedException, ExecutionException, TimeoutException {
        return result.get(SECONDS, TimeUnit.SECONDS);
    }

    /** Ends the emulation from outside, as the tool does when it ends. */
    void interrupt() {
        thread.interrupt();
    }

    @Override
    public void close() throws IOException {
        thread.interrupt();
        boolean isEnded = result.handle((ended, failure) -> true)
                .completeOnTimeout(false, SECONDS, TimeUnit.SECONDS)
                .join();
        server.close();
        assertTrue(isEnded, "the guest does not end");
    }
}
