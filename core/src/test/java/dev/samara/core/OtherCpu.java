// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;

/** A CPU of another thread, in a space, which runs the tasks of a test. */
public final class OtherCpu implements AutoCloseable {
    private final ExecutorService thread = Executors.newSingleThreadExecutor();
    private final Cpu cpu;

    /** Claims one. */
    public OtherCpu(AddressSpace space) {
        cpu = join(thread.submit(space.machine()::claimCpu));
        call(of -> {
            of.switchTo(space);
            return 0;
        });
    }

    /** Begins something on its thread. */
    public <T> Future<T> submit(Function<Cpu, T> what) {
        return thread.submit(() -> what.apply(cpu));
    }

    /** Does something on its thread. */
    public <T> T call(Function<Cpu, T> what) {
        return join(submit(what));
    }

    private static <T> T join(Future<T> future) {
        try {
            return future.get();
        } catch (InterruptedException | ExecutionException failed) {
            throw new AssertionError(failed);
        }
    }

    @Override
    public void close() {
        try {
            call(of -> {
                of.close();
                return 0;
            });
        } finally {
            // A CPU that could not be closed goes with its thread.
            thread.shutdown();
        }
    }
}
