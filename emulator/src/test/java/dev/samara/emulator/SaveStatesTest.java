// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.cpu.RiscvInterpreter.LeaveReason;
import dev.samara.emulator.linux.debug.Debugger;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Programs that are stopped after random numbers of instructions, and continue several times from there. */
@DisplayName("A program that is stopped and restored, with its registers,")
final class SaveStatesTest {
    /** The number of stops of a program. */
    private static final int STOPS = Integer.getInteger("emulator.stops", 20);

    /** A root folder with Lua, as {@code src/foreign/fetch.sh} builds it. */
    private static final String ROOT = "emulator.root";

    /** Prints a line before it starts, when the dynamic linker has closed its files. */
    private static final String LUA = """
            io.stdout:setvbuf("no")
            print("start")
            local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
            print(fib(10))
            local words = {}
            for i = 1, 40 do words[i] = string.format("%04d:%x:%g", i, i * 7919, i / 7) end
            local text = table.concat(words, ",")
            print(#text, select(2, text:gsub("%d+:", "")), text:sub(-30))
            local live = {}
            for i = 1, 300 do live[i % 50] = { i, tostring(i), { i } } end
            collectgarbage()
            print(live[7][2], pcall(error, { code = 1 }) == false)
            local co = coroutine.wrap(function() for i = 1, 50 do coroutine.yield(i) end end)
            local sum = 0
            for _ = 1, 50 do sum = sum + co() end
            local large = string.rep(text, 200)
            print(sum, #large, large:sub(-10))
            large = nil
            collectgarbage()
            table.sort(words, function(a, b) return a:reverse() < b:reverse() end)
            print(words[1], words[#words], math.sin(1), 2 ^ 53)
            """;

    @TempDir
    private Path folder;

    /** The output of the guest, which a restore shortens. */
    private static final class Output extends ByteArrayOutputStream {
        synchronized void shorten(int size) {
            count = size;
        }

        synchronized String from(int start) {
            return new String(buf, start, count - start, StandardCharsets.UTF_8);
        }
    }

    /** A state of the only thread of a process, of its memory, and of its output. */
    private static final class SaveState implements AutoCloseable {
        private final Hart hart;
        private final long[] integers;
        private final long[] floats;
        private final long pc;
        private final int fcsr;
        private final Output output;
        private final int printed;
        private final Checkpoint memory;

        SaveState(Hart hart, AddressSpace space, Output output) {
            this.hart = hart;
            this.output = output;
            integers = hart.x.clone();
            floats = hart.f.clone();
            pc = hart.pc;
            fcsr = hart.fcsr;
            printed = output.size();
            memory = space.checkpoint();
        }

        void load() {
            memory.restore();
            System.arraycopy(integers, 0, hart.x, 0, integers.length);
            System.arraycopy(floats, 0, hart.f, 0, floats.length);
            hart.pc = pc;
            hart.fcsr = fcsr;
            hart.clearReservation();
            output.shorten(printed);
        }

        @Override
        public void close() {
            memory.close();
        }
    }

    /**
     * Runs a program to its exit, which it does not execute: once as it is, and once in single steps, which it counts.
     * Then runs it from the same state to each stop in steps, and from each stop several times to its exit. The program
     * has one thread, and its state is memory and registers: descriptors are not put back. All calls are made by the
     * guest's thread.
     */
    private static final class Stops implements Debugger {
        private static final int WRITE = 64;
        private static final int EXIT = 93;
        private static final int EXIT_GROUP = 94;

        /** How often the program runs on from each stop. */
        private static final int RUNS = 3;

        private final Output output = new Output();

        /** How many writes precede the first state. */
        private final int writes;

        /** The stops, as numbers of instructions after the first state, ascending; null before they are counted. */
        private long @Nullable [] stops;

        private @Nullable DebuggedProcess process;
        private @Nullable SaveState first;

        /** The state at the last stop; null before the first one. */
        private @Nullable SaveState last;

        /** The output from the first state on; null before the first exit. */
        private @Nullable String expected;

        private int written;

        /** The number of stops that are done, and of runs from the present one. */
        private int done;

        private int runs;

        /** The number of instructions since the first state, and whether the thread is on its way to a stop. */
        private long stepped;

        private boolean isStepping;
        private boolean isAtExit;
        private boolean isComplete;
        private @Nullable Throwable failure;

        Stops(int writes) {
            this.writes = writes;
        }

        @Override
        public void begins(DebuggedProcess started) {
            process = started;
        }

        @Override
        public void starts(DebuggedThread thread) {}

        @Override
        public void pause(DebuggedThread thread) {
            if (isComplete || process == null) {
                return;
            }
            try {
                pause(process, thread.hart());
            } catch (Throwable failed) {
                failure = failed;
                end();
                process.kill();
            }
        }

        private void pause(DebuggedProcess of, Hart hart) {
            SaveState start = first;
            if (start == null) {
                if (written >= writes) {
                    first = new SaveState(hart, of.space(), output);
                }
            } else if (isAtExit) {
                isAtExit = false;
                exited(start);
            } else if (isStepping && stops != null && stepped == stops[done]) {
                isStepping = false;
                SaveState before = last;
                last = new SaveState(hart, of.space(), output);
                if (before != null) {
                    before.close();
                }
                runs = 0;
            }
        }

        private void exited(SaveState start) {
            SaveState stop = last;
            if (expected == null) {
                expected = output.from(start.printed);
                start.load();
                stepTo(0);
                return;
            }
            assertEquals(expected, output.from(start.printed), () -> "stop " + done + " of " + Arrays.toString(stops));
            if (stops == null) {
                // A block that faults counts as a whole, so only steps tell how many instructions there are. A stop is
                // reached by a step, so no two are the same; a short program has fewer of them.
                stops = new SplittableRandom(1)
                        .longs(1, stepped)
                        .distinct()
                        .limit(Math.min(STOPS, stepped - 1))
                        .sorted()
                        .toArray();
                start.load();
                stepTo(0);
                return;
            }
            assertFalse(isStepping, "the exit comes before the next stop");
            if (stop == null) {
                // The run from the first state after all stops.
                start.load();
                end();
                return;
            }
            stop.load();
            runs++;
            if (runs == RUNS) {
                done++;
                if (done < stops().length) {
                    isStepping = true;
                } else {
                    stop.close();
                    last = null;
                    start.load();
                }
            }
        }

        private void stepTo(long from) {
            stepped = from;
            isStepping = true;
        }

        private long[] stops() {
            return stops == null ? new long[0] : stops;
        }

        /** Lets the program exit: a space ends without checkpoints of this test. */
        private void end() {
            isComplete = true;
            isStepping = false;
            if (last != null) {
                last.close();
            }
            if (first != null) {
                first.close();
            }
        }

        @Override
        public boolean steps(DebuggedThread thread) {
            if (isStepping) {
                stepped++;
            }
            return isStepping;
        }

        @Override
        public boolean left(DebuggedThread thread, int stop) {
            if (stop != LeaveReason.SYSTEM_CALL || isComplete) {
                return true;
            }
            long call = thread.hart().x[Hart.A7];
            isAtExit = first != null && (call == EXIT || call == EXIT_GROUP);
            written += call == WRITE ? 1 : 0;
            return !isAtExit;
        }

        @Override
        public int signal(DebuggedThread thread, int signal, byte[] info) {
            return signal;
        }

        @Override
        public void ends(DebuggedThread thread) {}

        @Override
        public void exits(int status) {}
    }

    private static String run(Path root, Path program, int writes, String... arguments) throws Exception {
        Stops stops = new Stops(writes);
        GuestRun.GuestResult result =
                new GuestRun(root).output(stops.output).debugger(stops).run(program, arguments);
        if (stops.failure != null) {
            throw new AssertionError("stop " + stops.done, stops.failure);
        }
        assertEquals("", result.output());
        assertEquals(0, result.status());
        assertEquals(stops.stops().length, stops.done);
        assertTrue(stops.done > 0);
        assertNull(stops.last);
        return stops.output.from(0);
    }

    @ParameterizedTest
    @Timeout(14_400)
    @ValueSource(strings = {"brk", "mremap", "stack", "atomics"})
    @DisplayName("checks itself again, and finds nothing wrong")
    void checked(String name) throws Exception {
        assertEquals("ok " + name + "\n", run(folder, GuestRun.program(name), 0));
    }

    @Test
    @Timeout(14_400)
    @EnabledIfSystemProperty(named = ROOT, matches = ".+")
    @DisplayName("prints the same: Lua")
    void lua() throws Exception {
        Path root = Path.of(System.getProperty(ROOT));
        String printed = run(root, root.resolve("usr/bin/lua5.4"), 1, "-e", LUA);
        assertTrue(printed.startsWith("start\n55\n"), printed);
    }
}
