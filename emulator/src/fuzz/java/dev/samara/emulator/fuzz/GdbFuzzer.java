// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.fuzz;

import dev.samara.emulator.gdb.StoppedSession;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * Sends input to a session with a guest that is stopped, or stops again immediately. Input whose first byte starts a
 * packet is sent unchanged. In any other input, each line is the text of a packet, because a fuzzer cannot guess
 * checksums.
 */
public final class GdbFuzzer {
    private static final int INTERRUPT = 3;
    private static final int LONGEST = 0x4000;

    private static final List<String> SEEDS = List.of("""
            qSupported:multiprocess+;swbreak+;exec-events+;xmlRegisters=i386
            QStartNoAckMode
            ?
            qC
            qAttached
            qfThreadInfo
            qsThreadInfo
            Hg0
            Hc-1
            qThreadExtraInfo,p64.64
            Tp64.65
            """, """
            g
            p20
            p44
            P1=0102030405060708
            P41=0000000000000000
            P43=1f000000
            m10000,8
            M10010,4:00112233
            X10020,3:a}]b
            Hgp64.65
            P1=0102030405060708
            G00
            """, """
            vCont?
            vCont;c
            vCont;s:64;c
            vCont;C05:p64.65;c:-1
            c
            s
            C0b
            S05;10010
            s10020
            QPassSignals:e;14;17
            """, """
            Z0,10010,2
            Z2,10000,8
            Z3,10008,4
            Z4,11000,1
            Z1,10010,4
            vCont;c
            M10000,1:ff
            z2,10000,8
            z3,10008,4
            vCont;s
            z0,10010,2
            """, """
            vFile:setfs:0
            vFile:open:2f66696c65,0,0
            vFile:open:2f70726f632f73656c662f6d617073,0,1c0
            vFile:fstat:1
            vFile:pread:1,10,0
            vFile:pread:2,1000,2
            vFile:close:2
            vFile:readlink:2f70726f632f3130302f657865
            qXfer:features:read:target.xml:0,100
            qXfer:auxv:read::0,1000
            qXfer:exec-file:read:64:0,40
            D
            """, """
            vKill;64
            k
            """);

    private GdbFuzzer() {}

    /**
     * Runs a session with one input.
     *
     * @param input packets, one per line, or the bytes of a connection
     * @throws Exception if the input is a finding
     */
    public static void fuzzerTestOneInput(byte[] input) throws Exception {
        int first = input.length == 0 ? '\n' : input[0] & 0xff;
        if (first == '+' || first == '-' || first == '$' || first == INTERRUPT) {
            StoppedSession.run(input);
            return;
        }
        List<String> packets = List.of(new String(input, StandardCharsets.ISO_8859_1).split("\n", -1));
        StringBuilder frames = new StringBuilder();
        packets.forEach(packet -> frames.append(frame(packet)));
        int answers = StoppedSession.run(frames.toString().getBytes(StandardCharsets.ISO_8859_1));
        if (packets.stream().allMatch(GdbFuzzer::fits) && answers != expectedAnswers(packets)) {
            throw new AssertionError(answers + " answers, not " + expectedAnswers(packets));
        }
    }

    private static boolean fits(String packet) {
        return packet.length() <= LONGEST && packet.indexOf('#') < 0 && packet.indexOf('$') < 0;
    }

    /**
     * Returns how many packets are answered: all up to and including the one that ends the session, but {@code k} is
     * not answered.
     */
    private static int expectedAnswers(List<String> packets) {
        int answers = 0;
        for (String packet : packets) {
            if (packet.startsWith("k")) {
                return answers;
            }
            answers++;
            if (packet.startsWith("D") || packet.startsWith("vKill")) {
                return answers;
            }
        }
        return answers;
    }

    private static String frame(String packet) {
        return "$" + packet + "#"
                + HexFormat.of().toHexDigits((byte) packet.chars().sum());
    }

    /** Returns sessions in both notations. */
    static List<byte[]> seeds() {
        List<byte[]> seeds = new ArrayList<>();
        for (String packets : SEEDS) {
            seeds.add(packets.getBytes(StandardCharsets.ISO_8859_1));
        }
        String raw = "+" + frame("QStartNoAckMode") + frame("?") + "-\3" + frame("m10000,4") + "$lost" + frame("c");
        seeds.add(raw.getBytes(StandardCharsets.ISO_8859_1));
        return seeds;
    }
}
