// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Sends a debugger's packets, with the program {@code debugged}, whose source describes what it does. */
@Timeout(60)
final class GdbServerTest {
    private static final int RA = 1;
    private static final int A0 = 10;
    private static final int FIRST_FLOAT = 33;
    private static final int FCSR = 68;

    private static final long SEGV_HANDLED = 11;
    private static final long RETURN = 0x8082;

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

    private static void breakAt(RspClient gdb, String symbol) throws Exception {
        assertEquals("OK", gdb.point("Z0", at(symbol), 2));
    }

    private static void assertOk(DebuggedRun run) throws Exception {
        assertEquals(new GuestRun.GuestResult(0, "ok debugged\n"), run.result());
    }

    private static void assertStops(String reply, int signal, String reason) {
        String start = "T" + HexFormat.of().toHexDigits((byte) signal) + reason + "thread:";
        assertTrue(reply.startsWith(start), () -> reply + " does not start with " + start);
    }

    /** Runs the guest up to a temporary breakpoint. */
    private static void runTo(RspClient gdb, String symbol) throws Exception {
        breakAt(gdb, symbol);
        assertTrue(gdb.ask("c").startsWith("T05"));
        assertEquals(at(symbol), gdb.pc());
        assertEquals("OK", gdb.point("z0", at(symbol), 2));
    }

    @Test
    @DisplayName("the guest waits at its first instruction, and describes its registers")
    void beginning() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            String features = gdb.ask("qSupported:multiprocess+;swbreak+");
            assertTrue(features.contains("PacketSize=4000;") && features.contains(";swbreak+;"), features);
            String stop = gdb.ask("?");
            assertStops(stop, 5, "");
            assertTrue(stop.contains("thread:p3e8.3e8;"), stop);
            assertEquals(at("_start"), gdb.pc());
            String registers = gdb.ask("g");
            assertEquals(2 * (65 * Long.BYTES + 3 * Integer.BYTES), registers.length());
            assertEquals(registers, gdb.ask("G" + registers).equals("OK") ? gdb.ask("g") : "refused");
            String description = gdb.ask("qXfer:features:read:target.xml:0,fff");
            assertTrue(description.contains("<architecture>riscv:rv64</architecture>"), description);
            String rest = gdb.ask("qXfer:features:read:target.xml:fff,3000");
            assertTrue(rest.startsWith("l"), rest);
            assertEquals("OK", gdb.setRegister(FIRST_FLOAT, Double.doubleToLongBits(0.5)));
            assertEquals(Double.doubleToLongBits(0.5), gdb.register(FIRST_FLOAT));
            assertEquals("OK", gdb.ask("P" + Integer.toHexString(FCSR) + "=41000000"));
            assertEquals("02000000", gdb.ask("p43"), "the rounding mode");
            assertEquals("OK", gdb.setRegister(0, 5));
            assertEquals(0, gdb.register(0), "x0");
            assertTrue(gdb.ask("qXfer:auxv:read::0,1000").startsWith("l"));
            assertEquals("OK", gdb.ask("QPassSignals:b;5"));
            assertEquals("W00;process:3e8", gdb.ask("vCont;c"));
            assertOk(run);
        }
    }

    @Test
    @DisplayName("a breakpoint in code that was decoded before stops the guest each time, and continuing goes over it")
    void breakpoint() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            gdb.ask("qSupported:swbreak+");
            runTo(gdb, "add");
            assertEquals(21, gdb.register(A0));
            assertEquals("OK", gdb.setRegister(A0, 20));
            long afterCall = gdb.register(RA);
            assertEquals("OK", gdb.point("Z0", afterCall, 2));
            assertStops(gdb.ask("c"), 5, "swbreak:;");
            assertEquals(afterCall, gdb.pc());
            assertEquals(20, gdb.memory(at("counter")), "the function has the argument of the client");
            breakAt(gdb, "add");
            assertStops(gdb.ask("c"), 5, "swbreak:;");
            assertEquals(at("add"), gdb.pc());
            assertNotEquals(afterCall, gdb.register(RA));
            assertEquals(20, gdb.memory(at("counter")));
            assertEquals("OK", gdb.setRegister(A0, 22));
            assertEquals("OK", gdb.point("z0", at("add"), 2));
            assertEquals("OK", gdb.point("z0", afterCall, 2));
            breakAt(gdb, "reached");
            assertStops(gdb.ask("c"), 5, "swbreak:;");
            assertStops(gdb.ask("C00"), 11, "");
            assertStops(gdb.ask("C0b"), 5, "");
            assertStops(gdb.ask("C05"), 5, "swbreak:;");
            assertEquals(at("reached"), gdb.pc());
            assertEquals("W00", gdb.ask("c"), "the child does not stop");
            assertEquals("closed", gdb.receive());
            assertOk(run);
        }
    }

    @Test
    @DisplayName("a step makes one instruction, into calls and over system calls")
    void steps() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            assertStops(gdb.ask("s"), 5, "");
            assertEquals(at("_start") + 4, gdb.pc());
            runTo(gdb, "twice");
            for (int i = 0; i < 5; i++) {
                assertStops(gdb.ask("vCont;s:3e8"), 5, "");
            }
            assertEquals(at("add"), gdb.pc(), "the fifth instruction of twice is a call");
            runTo(gdb, "on");
            long end = gdb.register(RA);
            int steps = 0;
            while (gdb.pc() != end) {
                assertStops(gdb.ask("s"), 5, "");
                assertTrue(++steps < 200, "the function does not return");
            }
            assertEquals("OK", gdb.ask("D"));
            assertOk(run);
        }
    }

    @Test
    @DisplayName("a fault is reported before its handler runs, and comes again if the client drops the signal")
    void fault() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            String features = gdb.ask("qSupported");
            assertTrue(features.contains(";qXfer:siginfo:read+"), features);
            assertEquals("E01", gdb.ask("qXfer:siginfo:read::0,80"), "there is no signal yet");
            assertStops(gdb.ask("c"), 11, "");
            assertEquals(at("fault"), gdb.pc());
            String info = gdb.ask("qXfer:siginfo:read::0,80");
            assertEquals(1 + 128, info.length());
            assertEquals("l\u000b\0\0\0\0\0\0\0\u0001\0\0\0\0\0\0\0\b\0\0\0\0\0\0\0", info.substring(0, 25));
            assertEquals("m\b", gdb.ask("qXfer:siginfo:read::10,1"), "the address");
            assertStops(gdb.ask("s"), 11, "");
            assertEquals(at("fault"), gdb.pc());
            breakAt(gdb, "note");
            assertStops(gdb.ask("C0b"), 5, "");
            assertEquals("E01", gdb.ask("qXfer:siginfo:read::0,80"), "the signal was delivered");
            assertEquals(SEGV_HANDLED, gdb.register(A0));
            assertEquals("OK", gdb.point("z0", at("note"), 2));
            assertStops(gdb.ask("c"), 5, "");
            assertEquals(at("own_break"), gdb.pc());
            assertEquals(SEGV_HANDLED, gdb.memory(at("caught")) & 0xffff_ffffL);
            assertEquals("W00", gdb.ask("C05"));
            assertOk(run);
        }
    }

    @Test
    @DisplayName("signals that the client does not want to see are not reported")
    void passedSignals() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            assertEquals("OK", gdb.ask("QPassSignals:b;5;14"));
            assertEquals("W00", gdb.ask("c"));
            assertOk(run);
        }
    }

    @Test
    @DisplayName("a signal of the client reaches the guest, and its death by it is reported")
    void death() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            assertEquals("X06", gdb.ask("C06"));
            assertEquals(134, run.result().status());
        }
    }

    @Test
    @DisplayName("a store to watched bytes stops the guest after its instruction")
    void watchedStores() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            assertEquals("OK", gdb.point("Z2", at("counter"), 8));
            for (long expected = 21; expected <= 42; expected += 21) {
                assertStops(gdb.ask("c"), 5, "watch:" + Long.toHexString(at("counter")) + ";");
                assertEquals(expected, gdb.memory(at("counter")));
                assertEquals(RETURN, gdb.memory(gdb.pc()) & 0xffff, "the next instruction returns");
            }
            assertEquals("OK", gdb.point("z2", at("counter"), 8));
            runTo(gdb, "reached");
            assertEquals("OK", gdb.ask("D"));
            assertOk(run);
        }
    }

    @Test
    @DisplayName("a load of watched bytes stops the guest after its instruction, and breakpoints still work")
    void watchedLoads() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            runTo(gdb, "twice");
            breakAt(gdb, "add");
            assertEquals("OK", gdb.point("Z3", at("counter") + 3, 1));
            String load = "rwatch:" + Long.toHexString(at("counter") + 3) + ";";
            for (int i = 0; i < 2; i++) {
                assertStops(gdb.ask("c"), 5, "");
                assertEquals(at("add"), gdb.pc());
                assertStops(gdb.ask("c"), 5, load);
            }
            assertStops(gdb.ask("c"), 5, load);
            assertEquals(42, gdb.register(A0), "twice returns the counter");
            assertEquals("OK", gdb.point("z3", at("counter") + 3, 1));
            assertEquals("OK", gdb.point("Z4", at("caught"), 4));
            assertStops(gdb.ask("c"), 11, "");
            assertStops(gdb.ask("C0b"), 5, "awatch:" + Long.toHexString(at("caught")) + ";");
            assertEquals("OK", gdb.ask("D"));
            assertOk(run);
        }
    }

    @Test
    @DisplayName("code is read and written whatever its rights, and its new instructions run")
    void memory() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            runTo(gdb, "add");
            assertEquals(0x1122334455667788L, gdb.memory(at("constant")));
            assertEquals("OK", gdb.setMemory(at("constant"), 5));
            assertEquals(5, gdb.memory(at("constant")));
            long before = gdb.memory(at("add"));
            String address = Long.toHexString(at("add"));
            long afterCall = gdb.register(RA);
            // No breakpoint changes after this, so nothing else discards decoded code.
            assertEquals("OK", gdb.point("Z0", afterCall, 2));
            breakAt(gdb, "fault");
            // The bytes 0x7d and 0x23 would have to be escaped, but these need not be.
            assertEquals("OK", gdb.ask("X" + address + ",2:\u0082\u0080"), "ret");
            assertEquals(RETURN, gdb.memory(at("add")) & 0xffff);
            assertStops(gdb.ask("c"), 5, "");
            assertEquals(afterCall, gdb.pc());
            assertEquals(0, gdb.memory(at("counter")), "the function has returned at once");
            assertEquals("OK", gdb.setMemory(at("counter"), 21));
            assertEquals("OK", gdb.setMemory(at("add"), before));
            assertStops(gdb.ask("c"), 5, "");
            assertEquals(at("fault"), gdb.pc());
            assertEquals(42, gdb.memory(at("counter")), "the function is as it was");
            assertEquals("E01", gdb.ask("m8,8"));
            assertEquals("E01", gdb.ask("M8,1:00"));
            assertEquals("E01", gdb.ask("X8,4:ab"), "a wrong length");
            assertEquals("OK", gdb.ask("X8,0:"));
            assertEquals("E01", gdb.ask("mffffffffffffffff,10"));
            assertEquals("OK", gdb.ask("vKill;3e8"));
            assertEquals(137, run.result().status());
        }
    }

    @Test
    @DisplayName("another program is reported, and has no breakpoints of the one before")
    void execution() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root, "1", "2");
                RspClient gdb = run.connect()) {
            gdb.ask("qSupported:exec-events+");
            breakAt(gdb, "add");
            String path = GuestRun.program("debugged").toString();
            assertStops(
                    gdb.ask("c"), 5, "exec:" + HexFormat.of().formatHex(path.getBytes(StandardCharsets.UTF_8)) + ";");
            assertEquals(at("_start"), gdb.pc());
            assertStops(gdb.ask("c"), 11, "");
            assertEquals("OK", gdb.ask("D"));
            assertOk(run);
        }
    }

    @Test
    @DisplayName("files are the guest's, and only read")
    void files() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            assertEquals("F0", gdb.ask("vFile:setfs:0"));
            assertEquals("F1", gdb.ask("vFile:open:" + hex("/proc/1000/maps") + ",0,0"));
            String maps = gdb.ask("vFile:pread:1,1000,0");
            assertTrue(maps.contains("[stack]"), maps);
            assertEquals("F0", gdb.ask("vFile:close:1"));
            assertEquals("F-1,9", gdb.ask("vFile:pread:1,1000,0"));
            assertEquals("F-1,d", gdb.ask("vFile:open:" + hex("/proc/self/maps") + ",1,0"));
            assertEquals("F-1,2", gdb.ask("vFile:open:" + hex("/no/such/file") + ",0,0"));
            String program = gdb.ask("qXfer:exec-file:read::0,1000").substring(1);
            assertEquals("F2", gdb.ask("vFile:open:" + hex(program) + ",0,0"));
            assertTrue(gdb.ask("vFile:pread:2,4,0").startsWith("F4;\u007fELF"));
            assertEquals("", gdb.ask("vFile:unlink:" + hex(program)));
            gdb.send("k");
            assertEquals(137, run.result().status());
        }
    }

    private static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    }
}
