// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.fuzz;

import dev.samara.testing.fuzz.Refusal;
import dev.samara.tool.Recordings;
import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.oracle.OracleCheck;
import dev.samara.tool.record.InputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Parses input as an oracle file, and executes its operations. */
public final class OracleFuzzer {
    private static final InputFile FILE = new InputFile("fuzzed.oracle.gz");
    private static final CpuPlan TWO = new CpuPlan(2, 1);
    private static final List<String> SOURCES = List.of("fork-1", "fork-9", "touch-1", "touch-9", "vma-1", "vma-13");
    private static final int MOST_OPERATIONS = 12;

    private OracleFuzzer() {}

    /**
     * Parses and checks one input. The check closes its machine, and so fails if a space or a CPU is still in use.
     *
     * @param input the text of an oracle file, or a compressed oracle file
     * @throws Exception if the input is a finding
     */
    public static void fuzzerTestOneInput(byte[] input) throws Exception {
        Path file = FILE.write(input);
        try {
            OracleCheck.check(file, TWO);
        } catch (InputException refused) {
            Refusal.ofLine(refused, file, input);
        }
    }

    /** Returns the headers of recorded files, with some of their operations and their first fork, if any. */
    static List<byte[]> seeds() throws IOException {
        List<byte[]> seeds = new ArrayList<>();
        for (String source : SOURCES) {
            seeds.add(beginning(Recordings.lines(Recordings.bundled("oracle/" + source + ".oracle.gz"))));
        }
        return seeds;
    }

    private static byte[] beginning(List<String> lines) {
        StringBuilder text = new StringBuilder();
        int operations = 0;
        boolean isForked = false;
        boolean hasForked = false;
        for (String line : lines) {
            boolean begins = line.startsWith("op ") && !isForked;
            operations += begins ? 1 : 0;
            isForked |= begins && !hasForked && line.endsWith(" fork");
            if (operations <= MOST_OPERATIONS || isForked) {
                text.append(line).append('\n');
            }
            hasForked |= isForked;
            isForked &= !line.startsWith("endfork ");
        }
        return text.append("end\n").toString().getBytes(StandardCharsets.UTF_8);
    }
}
