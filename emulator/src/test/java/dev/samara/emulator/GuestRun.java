// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.MachineStatistics;
import dev.samara.emulator.elf.ElfFile.ElfException;
import dev.samara.emulator.linux.Emulation;
import dev.samara.emulator.linux.RunPlan;
import dev.samara.emulator.linux.RunPlan.ExecutionMode;
import dev.samara.emulator.linux.debug.Debugger;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A run of a program from the test resources. */
final class GuestRun {
    private static final long MEMORY = 64L << 20;
    private static final int TLB = 4096;

    private final Path root;
    private boolean isChecked;
    private int tlbEntries = TLB;
    private long memory = MEMORY;
    private ExecutionMode execution = ExecutionMode.INTERPRETED;
    private RunPlan.Terminals terminals = RunPlan.Terminals.NONE;
    private boolean isRoot;
    private @Nullable OutputStream output;
    private @Nullable Debugger debugger;

    GuestRun(Path root) {
        this.root = root;
    }

    GuestRun checked() {
        isChecked = true;
        return this;
    }

    GuestRun tlbEntries(int entries) {
        tlbEntries = entries;
        return this;
    }

    GuestRun execution(ExecutionMode how) {
        execution = how;
        return this;
    }

    GuestRun memory(long bytes) {
        memory = bytes;
        return this;
    }

    /** Makes the guest's standard streams terminals. */
    GuestRun terminal() {
        return terminals(new RunPlan.Terminals(true, true, true));
    }

    GuestRun terminals(RunPlan.Terminals which) {
        terminals = which;
        return this;
    }

    /** Passes the guest's output to a stream, instead of the result. */
    GuestRun output(OutputStream receiving) {
        output = receiving;
        return this;
    }

    GuestRun debugger(Debugger controlling) {
        debugger = controlling;
        return this;
    }

    /**
     * How a run ended.
     *
     * @param status the exit status
     * @param output the guest's output, followed by the emulator's output
     */
    record GuestResult(int status, String output) {}

    GuestResult run(Path program, String... arguments) throws IOException, ElfException, InterruptedException {
        ByteArrayOutputStream kept = new ByteArrayOutputStream();
        OutputStream out = output == null ? kept : output;
        StringWriter reports = new StringWriter();
        RunPlan plan = new RunPlan(
                program,
                List.of(arguments),
                List.of("A=1"),
                root,
                isRoot,
                memory,
                2,
                tlbEntries,
                execution,
                isChecked,
                false,
                false,
                InputStream.nullInputStream(),
                out,
                out,
                new PrintWriter(reports),
                terminals);
        Emulation emulation = new Emulation(plan, debugger);
        int status = emulation.run();
        MachineStatistics memory = Objects.requireNonNull(emulation.memory());
        assertEquals(0, memory.framesInUse(), "pages that nobody uses when all processes have ended");
        assertEquals(0, memory.pageTableBytes(), "page tables when all processes have ended");
        return new GuestResult(status, kept.toString(StandardCharsets.UTF_8) + reports);
    }

    static Path program(String name) {
        URL found = GuestRun.class.getResource("/riscv/" + name);
        if (found == null) {
            throw new IllegalArgumentException("there is no program " + name);
        }
        try {
            return Path.of(found.toURI());
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException(e);
        }
    }
}
