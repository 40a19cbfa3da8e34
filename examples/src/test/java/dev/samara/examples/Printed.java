// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The output of a program. Tests of one JVM run one after the other, so none sees the output of another. */
public final class Printed {
    private Printed() {}

    /** A program with its command line. */
    public interface Program {
        void run() throws Exception;
    }

    /** Runs a program and gives the lines of its standard output. */
    public static List<String> by(Program program) throws Exception {
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
            System.setOut(out);
            program.run();
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }
}
