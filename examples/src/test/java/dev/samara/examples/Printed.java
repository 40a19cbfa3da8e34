// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Captures the output of a program. Tests in one JVM run one after another, so no test captures another test's output.
 */
public final class Printed {
    private Printed() {}

    /** A program that is called with its command line. */
    public interface Program {
        void run() throws Exception;
    }

    /** Runs a program, and returns the lines of its standard output. */
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
