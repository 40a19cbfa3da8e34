// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tests the end of a view that fails, or that Ctrl-C interrupts while it starts. */
final class LiveViewEndTest {
    private final List<String> calls = new ArrayList<>();
    private final AtomicLong clock = new AtomicLong();
    private @Nullable String failing;

    /** Records a call, and fails if it is the call that must fail. */
    private void call(String name) {
        calls.add(name);
        if (name.equals(failing)) {
            throw new CancellationException(name);
        }
    }

    private class RecordedOutput implements ViewOutput {
        @Override
        public void begin() {
            call("begin");
        }

        @Override
        public void show(TopSample first, TopSample before, TopSample now) {
            call("show");
        }

        @Override
        public void end(TopSample first, TopSample last) {
            call("end at " + last.nanos());
        }
    }

    private final WaitCounts waits = new WaitCounts() {
        @Override
        public WaitFigures figures() {
            return WaitFigures.NONE;
        }

        @Override
        public void close() {
            calls.add("close");
        }
    };

    private LiveView view(FakeExitHooks hooks) {
        return view(hooks, new RecordedOutput());
    }

    private LiveView view(FakeExitHooks hooks, ViewOutput output) {
        SampleSource source = SampleSource.of(
                clock::get,
                List.of(),
                () -> {
                    call("sample");
                    return List.of();
                },
                waits);
        return LiveView.begin(source, output, hooks);
    }

    private void fails(String call, Runnable action) {
        failing = call;
        assertEquals(
                call, assertThrows(CancellationException.class, action::run).getMessage());
    }

    @Test
    @DisplayName("a view that begins while the JVM ends changes no terminal, and closes its source")
    void jvmEnds() {
        FakeExitHooks hooks = new FakeExitHooks(FakeExitHooks.Moment.BEFORE_A_HOOK);
        assertThrows(IllegalStateException.class, () -> view(hooks));
        assertEquals(List.of("sample", "close"), calls);
    }

    @Test
    @DisplayName("Ctrl-C while a view begins ends it after its beginning")
    void interruptedAtOnce() throws InterruptedException {
        FakeExitHooks hooks = new FakeExitHooks(FakeExitHooks.Moment.AFTER_A_HOOK);
        view(hooks, new RecordedOutput() {
            @Override
            public void begin() {
                awaitBlocked(hooks.added());
                super.begin();
            }
        });
        Objects.requireNonNull(hooks.added()).join();
        assertEquals(List.of("sample", "begin", "end at 0"), calls);
    }

    /** Waits until a hook waits for this thread, or ended without waiting. */
    @SuppressWarnings("ThreadPriorityCheck") // with one processor, the other thread needs it
    private static void awaitBlocked(@Nullable Thread hook) {
        assertNotNull(hook);
        while (hook.getState() != Thread.State.BLOCKED && hook.isAlive()) {
            Thread.yield();
        }
    }

    @Test
    @DisplayName("a view without a first sample changes no terminal, and closes its source")
    void firstSample() {
        FakeExitHooks hooks = new FakeExitHooks(FakeExitHooks.Moment.NEVER);
        fails("sample", () -> view(hooks));
        assertEquals(List.of("sample", "close"), calls);
        assertNull(hooks.added());
    }

    @Test
    @DisplayName("a view that cannot begin its output gives it back, closes its source, and leaves no hook")
    void beginning() {
        FakeExitHooks hooks = new FakeExitHooks(FakeExitHooks.Moment.NEVER);
        fails("begin", () -> view(hooks));
        assertEquals(List.of("sample", "begin", "end at 0", "close"), calls);
        assertNull(hooks.added());
    }

    @Test
    @DisplayName("a view without a last sample ends with the one before, closes its source, and leaves no hook")
    void lastSample() {
        FakeExitHooks hooks = new FakeExitHooks(FakeExitHooks.Moment.NEVER);
        LiveView view = view(hooks);
        clock.set(7);
        view.tick();
        clock.set(8);
        calls.clear();
        fails("sample", view::close);
        assertEquals(List.of("sample", "end at 7", "close"), calls);
        assertNull(hooks.added());
        view.interrupted();
        assertEquals(List.of("sample", "end at 7", "close"), calls);
    }

    @Test
    @DisplayName("a view whose end cannot be shown closes its source, and leaves no hook")
    void end() {
        FakeExitHooks hooks = new FakeExitHooks(FakeExitHooks.Moment.NEVER);
        LiveView view = view(hooks);
        calls.clear();
        fails("end at 0", view::close);
        assertEquals(List.of("sample", "end at 0", "close"), calls);
        assertNull(hooks.added());
    }
}
