// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.fixture.Await;
import dev.samara.core.internal.hostfile.FaultyChannels;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/** Makes one of the library's next host calls fail, or executes a step concurrently with it. */
final class HostHook {
    final FaultyChannels channels = new FaultyChannels();

    /** The hooked call, or null. Guarded by this. */
    private @Nullable ChannelCall kind;

    private @Nullable FutureTask<Outcome> beside;
    /** The thread whose calls are hooked; the machine's own threads may call the host at any time. */
    private @Nullable Thread thread;

    private boolean wasReached;

    HostHook() {
        channels.isRecording = false;
        channels.failure = (call, offset, length) -> before(call);
    }

    static ChannelCall kind(Step step) {
        return switch (step.number(Kind.CALL)) {
            case 0 -> ChannelCall.READ;
            case 1 -> ChannelCall.WRITE;
            case 2 -> ChannelCall.FORCE;
            default -> ChannelCall.TRUNCATE;
        };
    }

    /** Makes the next call of a kind fail. */
    synchronized void failNext(ChannelCall call) {
        kind = call;
        thread = Thread.currentThread();
        beside = null;
        wasReached = false;
    }

    /** Arranges for a step to be executed during the next call of a kind. */
    synchronized void besideNext(ChannelCall call, Callable<Outcome> step) {
        kind = call;
        thread = Thread.currentThread();
        beside = new FutureTask<>(step);
        wasReached = false;
    }

    /** Removes the hook. Returns whether the call happened. */
    synchronized boolean end() {
        kind = null;
        return wasReached;
    }

    /** Waits for the result of the concurrent step. If the call did not happen, executes the step now. */
    Outcome besideResult() {
        FutureTask<Outcome> step = taken();
        step.run();
        try {
            return step.get();
        } catch (ExecutionException failed) {
            throw new IllegalStateException("a step beside a call of the host", failed.getCause());
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    private synchronized FutureTask<Outcome> taken() {
        FutureTask<Outcome> step = beside;
        if (step == null) {
            throw new IllegalStateException("no step is made beside another one");
        }
        return step;
    }

    private void before(ChannelCall call) throws IOException {
        FutureTask<Outcome> step;
        synchronized (this) {
            if (kind != call || Thread.currentThread() != thread) {
                return;
            }
            kind = null;
            wasReached = true;
            step = beside;
        }
        if (step == null) {
            throw new IOException("Input/output error");
        }
        Thread other = new Thread(step, "beside");
        other.setDaemon(true);
        other.start();
        Await.until(
                "a step beside a call of the host",
                () -> step.isDone()
                        || other.getState() == Thread.State.WAITING
                        || other.getState() == Thread.State.TIMED_WAITING,
                other);
    }
}
