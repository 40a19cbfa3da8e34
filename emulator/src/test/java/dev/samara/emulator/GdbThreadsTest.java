// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests that all threads of a guest stop and resume together. In these tests, the program {@code debugged} spins until
 * {@code go} is set.
 */
@Timeout(60)
final class GdbThreadsTest {
    private static final int A0 = 10;
    private static final int RA = 1;
    private static final int PC = 32;
    private static final int THREADS = 3;
    private static final int MANY = 1000;
    private static final int MOST_INTERRUPTS = 10_000;
    private static final int STEPS = 200;

    private static ElfSymbols symbols;

    @TempDir
    private Path root;

    @BeforeAll
    static void readSymbols() throws Exception {
        symbols = new ElfSymbols(GuestRun.program("debugged"));
    }

    private static long at(String symbol) {
        return symbols.address(symbol);
    }

    private static void assertOk(DebuggedRun run) throws Exception {
        assertEquals(new GuestRun.GuestResult(0, "ok debugged\n"), run.result());
    }

    /** Connects a client, runs the guest up to its spinning thread, and stops it there. */
    private static RspClient spinning(DebuggedRun run) throws Exception {
        RspClient gdb = run.connect();
        assertEquals("OK", gdb.ask("QPassSignals:b;5"));
        assertEquals("OK", gdb.point("Z0", at("spin"), 2));
        assertTrue(gdb.ask("c").startsWith("T05thread:3e8;"));
        assertEquals("OK", gdb.point("z0", at("spin"), 2));
        // Repeated until an interrupt arrives while the thread is spinning, rather than before it resumes.
        for (int i = 0; i < MOST_INTERRUPTS && spins(gdb) < MANY; i++) {
            gdb.send("c");
            gdb.interrupt();
            String stop = gdb.receive();
            assertTrue(stop.startsWith("T02thread:"), stop);
        }
        assertTrue(spins(gdb) >= MANY, "the guest does not get on");
        return gdb;
    }

    private static long spins(RspClient gdb) throws Exception {
        return gdb.memory(at("spinning")) & 0xffff_ffffL;
    }

    private static List<String> threads(RspClient gdb) throws Exception {
        String list = gdb.ask("qfThreadInfo");
        assertEquals("l", gdb.ask("qsThreadInfo"));
        return new ArrayList<>(List.of(list.substring(1).split(",", -1)));
    }

    private static String description(RspClient gdb, String tid) throws Exception {
        return new String(HexFormat.of().parseHex(gdb.ask("qThreadExtraInfo," + tid)), StandardCharsets.UTF_8);
    }

    private static void go(RspClient gdb) throws Exception {
        assertEquals("OK", gdb.ask("M" + Long.toHexString(at("go")) + ",4:01000000"));
    }

    @Test
    @DisplayName(
            "an interrupt stops a thread that spins and those that wait, and nothing runs until the client wants it")
    void interrupt() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root, "1");
                RspClient gdb = spinning(run)) {
            List<String> threads = threads(gdb);
            assertEquals(1 + THREADS, threads.size(), threads::toString);
            assertEquals("stopped", description(gdb, "3e8"));
            long before = spins(gdb);
            assertEquals("OK", gdb.ask("T3e8"));
            assertEquals("E01", gdb.ask("T1"));
            assertEquals("E01", gdb.ask("Hg1"));
            for (String each : threads) {
                assertEquals("OK", gdb.ask("Hg" + each));
                long pc = gdb.pc();
                assertTrue(pc > at("_start") && pc < at("main") + 0x400, () -> "pc is " + Long.toHexString(pc));
            }
            assertEquals(before, spins(gdb));
            go(gdb);
            assertEquals("W00", gdb.ask("c"));
            assertOk(run);
        }
    }

    @Test
    @DisplayName("registers of a thread in a system call are read, and not written")
    void threadsInCalls() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root, "1");
                RspClient gdb = spinning(run)) {
            int waiting = 0;
            for (String each : threads(gdb)) {
                assertEquals("OK", gdb.ask("Hg" + each));
                boolean isInCall = description(gdb, each).equals("in futex");
                waiting += isInCall ? 1 : 0;
                assertEquals(isInCall ? "E01" : "OK", gdb.setRegister(A0, gdb.register(A0)));
            }
            assertTrue(waiting <= THREADS, "the first thread spins");
            go(gdb);
            assertEquals("W00", gdb.ask("vCont;c:-1"));
            assertOk(run);
        }
    }

    @Test
    @DisplayName("a breakpoint stops each of several threads, all of which go on")
    void breakpointOfThreads() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root, "1");
                RspClient gdb = spinning(run)) {
            go(gdb);
            assertEquals("OK", gdb.point("Z0", at("add"), 2));
            List<Long> numbers = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                String stop = gdb.ask("c");
                assertTrue(stop.startsWith("T05thread:"), stop);
                assertEquals(at("add"), gdb.pc());
                numbers.add(gdb.register(A0));
            }
            numbers.sort(null);
            assertEquals(List.of(0L, 1L, 2L), numbers);
            assertEquals("W00", gdb.ask("c"));
            assertOk(run);
        }
    }

    @Test
    @DisplayName("a step of one thread leaves the others stopped, also if those come back from their calls")
    void stepOfOneThread() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root, "1");
                RspClient gdb = spinning(run)) {
            go(gdb);
            String counter = Long.toHexString(at("counter"));
            assertEquals("2a00000000000000", gdb.ask("m" + counter + ",8"));
            assertEquals("OK", gdb.point("Z0", at("wake"), 2));
            assertTrue(gdb.ask("vCont;c:3e8").startsWith("T05thread:3e8;"));
            int steps = 0;
            while (gdb.pc() < at("wake") || gdb.pc() >= at("join")) {
                assertTrue(gdb.ask("vCont;s:3e8").startsWith("T05thread:3e8;"));
                assertTrue(++steps < 100);
            }
            for (int i = 0; i < 3; i++) {
                assertTrue(gdb.ask("vCont;s:3e8").startsWith("T05thread:3e8;"));
            }
            assertEquals("2a00000000000000", gdb.ask("m" + counter + ",8"), "no other thread has run");
            assertEquals("E01", gdb.ask("vCont;c:1"));
            assertEquals("OK", gdb.point("z0", at("wake"), 2));
            assertEquals("W00", gdb.ask("c"));
            assertOk(run);
        }
    }

    @Test
    @DisplayName("a thread that spins makes nothing while another one steps, which a signal has taken out of its call")
    void stepBesideSpin() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root, "1");
                RspClient gdb = spinning(run)) {
            assertEquals("OK", gdb.ask("QPassSignals:"));
            assertEquals("OK", gdb.point("Z0", at("note"), 2));
            assertTrue(gdb.ask("vCont;C05:3e9").startsWith("T05thread:3e9;"));
            assertEquals(at("note"), gdb.pc());
            // This instruction returns to itself.
            assertEquals("OK", gdb.setRegister(RA, at("reached")));
            assertEquals("OK", gdb.setRegister(PC, at("reached")));
            long before = spins(gdb);
            for (int i = 0; i < STEPS; i++) {
                assertTrue(gdb.ask("vCont;s:3e9").startsWith("T05thread:3e9;"));
                assertEquals(at("reached"), gdb.pc());
            }
            assertEquals(before, spins(gdb));
            assertEquals("OK", gdb.ask("vKill;3e8"));
            assertEquals(137, run.result().status());
        }
    }

    @Test
    @DisplayName("a client that goes while the guest runs leaves it without breakpoints, and another one may come")
    void anotherClient() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root, "1")) {
            try (RspClient gdb = spinning(run)) {
                assertEquals("OK", gdb.point("Z0", at("join"), 2));
                assertEquals("OK", gdb.point("Z2", at("counter"), 8));
                gdb.send("c");
            }
            try (RspClient gdb = run.connect()) {
                assertTrue(gdb.ask("?").startsWith("T05thread:"));
                assertEquals("1", gdb.ask("qAttached"));
                assertEquals(1 + THREADS, threads(gdb).size());
                go(gdb);
                assertEquals("W00", gdb.ask("c"));
            }
            assertOk(run);
        }
    }
}
