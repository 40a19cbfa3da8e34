// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux;

import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The program to run, and how to run it.
 *
 * @param program the file of the program
 * @param arguments its arguments, without its name
 * @param environment the environment, {@code NAME=VALUE}
 * @param root the directory that is the guest's root; null if the guest sees no file except its program
 * @param isRoot whether the guest is user 0
 * @param memory the size of the guest's memory in bytes
 * @param processors the number of processors that the guest sees
 * @param tlbEntries the number of TLB entries of each CPU, a power of two
 * @param execution how instructions are executed
 * @param isChecked whether the machine checks each access
 * @param traces whether system calls are printed
 * @param showsMaps whether the mappings of a process are printed when it ends
 * @param in the standard input
 * @param out the standard output
 * @param errors the standard error of the guest
 * @param reports where the emulator prints its messages
 * @param terminals which of the three streams are terminals
 */
public record RunPlan(
        Path program,
        List<String> arguments,
        List<String> environment,
        @Nullable Path root,
        boolean isRoot,
        long memory,
        int processors,
        int tlbEntries,
        ExecutionMode execution,
        boolean isChecked,
        boolean traces,
        boolean showsMaps,
        InputStream in,
        OutputStream out,
        OutputStream errors,
        PrintWriter reports,
        Terminals terminals) {
    /**
     * Which of a guest's standard streams are terminals.
     *
     * @param in the standard input
     * @param out the standard output
     * @param errors the standard error
     */
    public record Terminals(boolean in, boolean out, boolean errors) {
        /** No stream is a terminal. */
        public static final Terminals NONE = new Terminals(false, false, false);
    }

    /** How instructions of the guest are executed. */
    public enum ExecutionMode {
        /** All instructions are interpreted. */
        INTERPRETED,

        /** Instructions are interpreted at first. Code that runs often is translated in the background. */
        TRANSLATED,

        /**
         * Code is translated when it runs for the second time, and the guest waits for that. This tests the translator.
         */
        TRANSLATED_AT_ONCE
    }
}
