// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests what a client that violates the protocol cannot do to the guest. */
@Timeout(60)
final class GdbBadClientTest {
    /** The number of packets, all of which fit into the buffers of a connection, whereas their answers do not. */
    private static final int PIPELINED = 5000;

    private static final int TOO_LONG = 1 << 20;

    @TempDir
    private Path root;

    private static void assertOk(DebuggedRun run) throws Exception {
        assertEquals(new GuestRun.GuestResult(0, "ok debugged\n"), run.result());
    }

    @Test
    @DisplayName("a packet with a wrong sum or without end is refused, and the next one is answered")
    void wrongPackets() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root)) {
            try (RspClient gdb = run.connect()) {
                gdb.raw("$?#00");
                assertEquals('-', gdb.next());
                gdb.raw("$?#zz");
                assertEquals('-', gdb.next());
                // The checksum would be correct if the invalid digit counted as -1.
                gdb.raw("$\u000f#1z");
                assertEquals('-', gdb.next());
                gdb.raw(RspClient.frame("m0," + "0".repeat(TOO_LONG)));
                assertEquals('-', gdb.next());
                gdb.raw("nonsense +++ \u00ff\u0000 $lost" + RspClient.frame("qsThreadInfo"));
                assertEquals("l", gdb.receive());
                gdb.raw("-");
                assertEquals("l", gdb.receive(), "the last packet again");
                assertEquals("OK", gdb.ask("QStartNoAckMode"));
                gdb.raw("$?#00");
                assertEquals("E01", gdb.receive());
                gdb.interrupt();
                assertEquals("l", gdb.ask("qsThreadInfo"), "an interrupt of a stopped guest is nothing");
            }
            assertOk(run);
        }
    }

    @ParameterizedTest
    @DisplayName("a packet that is none of the protocol is an error or not known, and changes nothing")
    @ValueSource(
            strings = {
                "p",
                "p45",
                "p41",
                "pzz",
                "P",
                "P1",
                "P1=",
                "P1=00",
                "P45=0000000000000000",
                "G00",
                "m",
                "m0",
                "m0,",
                "m,1",
                "m0,0",
                "m0,-1",
                "m0,fffffffff",
                "m00000000000000000,1",
                "M10120,2:00",
                "M10120,2:0g0g",
                "M10120,ffffff:00",
                "X10120,2:}",
                "X10120,1",
                "Hg",
                "Hgp",
                "Hg-2",
                "T",
                "Tffffffffff",
                "Z",
                "Z0",
                "Z0,",
                "Z0,1",
                "Z2,10120,0",
                "Z2,8000000000000000,8",
                "Z3,10120,0",
                "Z3,8000000000000000,8",
                "Z3,fffffffffffffff0,20",
                "Z3,10120,8000000000000000",
                "Z4,fffffffffffffff0,20",
                "vCont;",
                "vCont;c:1",
                "vCont;x",
                "vCont;C",
                "vCont;Czzz",
                "vCont;s:p",
                "cx",
                "c1g",
                "C",
                "S",
                "S0x",
                "C05;zz",
                "vFile:open:zz,0,0",
                "vFile:pread:9999999999,0,0",
                "vFile:pread",
                "vFile:close:1",
                "qXfer:features:read:target.xml:0",
                "qXfer:features:read:x:0,1",
                "qXfer:auxv:read::zz,1",
                "qThreadExtraInfo,zz",
                "qThreadExtraInfo,1",
                "QPassSignals:zz",
                "QPassSignals:1ff"
            })
    void refused(String packet) throws Exception {
        try (DebuggedRun run = new DebuggedRun(root)) {
            try (RspClient gdb = run.connect()) {
                String before = gdb.ask("g");
                String reply = gdb.ask(packet);
                assertTrue(List.of("E01", "E00", "F-1,9", "F-1,16").contains(reply), reply);
                assertEquals(before, gdb.ask("g"));
            }
            assertOk(run);
        }
    }

    /** Returns whether the server closed the connection, possibly before it read everything. */
    private static boolean isClosed(RspClient client) {
        try {
            return client.next() < 0;
        } catch (IOException reset) {
            return true;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"POST / HTTP/1.1\r\n\r\n", "\u0016\u0003\u0001", " "})
    @DisplayName(
            "a client that begins as none of gdb does, as a form of a web page, is not answered, and changes nothing")
    void otherProtocol(String begin) throws Exception {
        try (DebuggedRun run = new DebuggedRun(root)) {
            try (RspClient form = run.connect()) {
                form.raw(begin + RspClient.frame("k"));
                assertTrue(isClosed(form));
            }
            try (RspClient gdb = run.connect()) {
                assertTrue(gdb.ask("?").startsWith("T05"), "the guest is at its first instruction");
            }
            assertOk(run);
        }
    }

    @ParameterizedTest
    @DisplayName("a client that closes at any place leaves a guest that goes on")
    @ValueSource(strings = {"", "$", "$m10120,8", "$m10120,8#", "$m10120,8#2", "\3", "$c#63", "$s#73", "$c#63\3$g#67"})
    void closes(String sent) throws Exception {
        try (DebuggedRun run = new DebuggedRun(root)) {
            try (RspClient gdb = run.connect()) {
                assertEquals("OK", gdb.point("Z0", new ElfSymbols(GuestRun.program("debugged")).address("add"), 2));
                gdb.raw(sent);
            }
            assertOk(run);
        }
    }

    @Test
    @DisplayName("a client that goes at a signal leaves that to the guest, also if another one comes at once")
    void closesAtSignal() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root)) {
            try (RspClient gdb = run.connect()) {
                assertTrue(gdb.ask("c").startsWith("T0b"));
            }
            try (RspClient gdb = run.connect()) {
                assertEquals("OK", gdb.ask("QPassSignals:5"));
                String answer = gdb.ask("c");
                // The guest may have reached its breakpoint before the client turned off reports.
                assertEquals("W00", answer.startsWith("T05") ? gdb.ask("C05") : answer);
            } catch (IOException ended) {
                // The guest was faster than this client: its result shows whether it received the signal.
            }
            assertOk(run);
        }
    }

    @Test
    @DisplayName("the emulation ends although a client asks without end and takes no answer")
    void takesNothing() throws Exception {
        CountDownLatch hasAsked = new CountDownLatch(PIPELINED);
        Thread asking;
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            asking = new Thread(() -> askWithoutEnd(gdb, hasAsked));
            asking.start();
            hasAsked.await();
            run.interrupt();
            ExecutionException ended = assertThrows(ExecutionException.class, run::result);
            assertTrue(ended.getCause() instanceof InterruptedException, ended::toString);
        }
        asking.join();
    }

    private static void askWithoutEnd(RspClient gdb, CountDownLatch hasAsked) {
        try {
            for (; ; ) {
                gdb.send("m10120,800");
                hasAsked.countDown();
            }
        } catch (IOException closed) {
            // The connection was closed.
        }
    }

    @Test
    @DisplayName("the emulation ends although a client keeps the guest stopped")
    void keepsStopped() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root);
                RspClient gdb = run.connect()) {
            assertTrue(gdb.ask("s").startsWith("T05"));
            run.interrupt();
            assertThrows(ExecutionException.class, run::result);
            assertEquals("closed", gdb.receive());
        }
    }

    @Test
    @DisplayName("the emulation ends although no client comes")
    void nobody() throws Exception {
        try (DebuggedRun run = new DebuggedRun(root)) {
            run.interrupt();
            assertThrows(ExecutionException.class, run::result);
        }
    }
}
