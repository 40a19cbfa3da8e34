// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.Emulation;
import dev.samara.emulator.linux.RunPlan;
import dev.samara.tool.top.BelowView;
import dev.samara.tool.top.KeptBelow;
import dev.samara.tool.top.KeptOutput;
import dev.samara.tool.top.SampleSource;
import dev.samara.tool.top.ScreenSize;
import dev.samara.tool.top.WatchedMachine;
import dev.samara.tool.top.WatchedSpace;
import dev.samara.tool.top.WorkFigure;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code samara top run}. The view is on standard error, because the guest uses standard output. */
@Command(
        name = "run",
        description = {
            "Shows a run of a program, with the options of the command run.",
            "The view is on standard error. On a terminal, the last lines that the guest writes are below the view, and"
                    + " the last 64 KiB are printed after it; a standard output that is no terminal is the guest's."
        },
        footerHeading = "Example:%n",
        footer = "  samara top run emulator/src/test/resources/riscv/threads",
        exitCodeList = {RunOptions.GUEST_STATUS, RunOptions.NOT_RUN + ":" + RunOptions.WHY_NOT_RUN},
        exitCodeOnInvalidInput = RunOptions.NOT_RUN,
        exitCodeOnExecutionException = RunOptions.NOT_RUN,
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class)
final class TopRunCommand implements Callable<Integer> {
    private static final int KEPT_BYTES = 1 << 16;
    private static final BelowView NOTHING = lines -> List.of();

    @ParentCommand
    private TopCommand top;

    @Option(
            names = "--output",
            paramLabel = "FILE",
            description = "Write the guest's standard output and standard error, and the emulator's messages, to FILE.")
    private @Nullable Path output;

    @Mixin
    private RunOptions options;

    @Spec
    private CommandSpec spec;

    TopRunCommand() {}

    @Override
    public Integer call() throws Exception {
        top.checkInterval(spec);
        ScreenSize size = top.drawsOn(TerminalStreams.ERR) ? TerminalStreams.size() : null;
        if (output != null) {
            try (OutputStream file = openOutput(output)) {
                PrintWriter reports = new PrintWriter(file, true, StandardCharsets.UTF_8);
                return run(size, new RunStreams(System.in, file, file, reports, RunPlan.Terminals.NONE), NOTHING);
            }
        }
        OutputStream out = new FileOutputStream(FileDescriptor.out);
        if (size == null) {
            OutputStream errors = new FileOutputStream(FileDescriptor.err);
            return run(
                    null,
                    new RunStreams(System.in, out, errors, spec.commandLine().getErr(), RunPlan.Terminals.NONE),
                    NOTHING);
        }
        KeptOutput kept = new KeptOutput(KEPT_BYTES);
        PrintWriter reports = new PrintWriter(kept, true, StandardCharsets.UTF_8);
        OutputStream guestOut = TerminalStreams.movesCursor(TerminalStreams.OUT) ? kept : out;
        // Kept output is printed where the view was, because standard output may be a file, which must contain only the
        // guest's standard output.
        BelowView below = new KeptBelow(
                kept, size.columns(), spec.commandLine().getErr(), new FileOutputStream(FileDescriptor.err));
        return run(size, new RunStreams(System.in, guestOut, kept, reports, RunPlan.Terminals.NONE), below);
    }

    private OutputStream openOutput(Path file) {
        try {
            return Files.newOutputStream(file);
        } catch (IOException refused) {
            throw new ParameterException(spec.commandLine(), "--output " + file + " cannot be written", refused);
        }
    }

    private int run(@Nullable ScreenSize size, RunStreams streams, BelowView below) throws Exception {
        return options.run(spec, streams, emulation -> watched(emulation, size, below));
    }

    private int watched(Emulation emulation, @Nullable ScreenSize size, BelowView below) throws Exception {
        WatchedMachine machine = new WatchedMachine("guest", options.memory(spec), ProgramLoader.GEOMETRY.pageSize());
        machine.begin(emulation.machine(), () -> spaces(emulation));
        SampleSource source = SampleSource.of(
                List.of(machine), () -> List.of(new WorkFigure("system calls", emulation.systemCalls())));
        TopCommand.ViewPlace place = new TopCommand.ViewPlace(spec.commandLine().getErr(), size, below);
        String title = String.valueOf(options.program().getFileName());
        return top.show(title, place, source, () -> emulation.run(machine::end));
    }

    private static List<WatchedSpace> spaces(Emulation emulation) {
        List<WatchedSpace> spaces = new ArrayList<>();
        emulation.spaces().forEach((name, space) -> spaces.add(new WatchedSpace(name, space)));
        return spaces;
    }
}
