// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux;

import dev.samara.emulator.linux.RunPlan.ExecutionMode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/** An emulation of a program from the test resources, without arguments and input, and with little memory. */
final class SmallEmulation {
    private static final long MEMORY = 64L << 20;

    private SmallEmulation() {}

    /**
     * Creates the emulation.
     *
     * @param name the program
     * @param root the guest's root
     * @param out the standard streams for output
     * @param reports receives the emulator's reports
     */
    static Emulation of(String name, Path root, OutputStream out, PrintWriter reports)
            throws IOException, URISyntaxException {
        Path program = Path.of(Objects.requireNonNull(SmallEmulation.class.getResource("/riscv/" + name))
                .toURI());
        return new Emulation(new RunPlan(
                program,
                List.of(),
                List.of(),
                root,
                false,
                MEMORY,
                2,
                64,
                ExecutionMode.INTERPRETED,
                false,
                false,
                false,
                InputStream.nullInputStream(),
                out,
                out,
                reports,
                RunPlan.Terminals.NONE));
    }
}
