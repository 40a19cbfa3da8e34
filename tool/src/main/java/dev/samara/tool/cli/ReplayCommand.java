// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.record.InputException;
import dev.samara.tool.replay.PlacementSource;
import dev.samara.tool.replay.ReplayCheck;
import dev.samara.tool.replay.ReplaySession;
import dev.samara.tool.replay.ReplayWatch;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code samara replay}. */
@Command(
        name = "replay",
        description = "Executes traces of real programs and compares each result, each errno and each snapshot.",
        footerHeading = "Examples:%n",
        footer = {
            "  samara replay tool/src/test/resources/traces/python",
            "  samara replay --touch --cpus 2 tool/src/test/resources/traces/python"
        },
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class)
class ReplayCommand implements Callable<Integer> {
    /** The number of operations between two updates of the progress line. */
    private static final int TOLD_EACH = 4096;

    @Option(
            names = "--placement",
            description = "Let the library place each mapping without a fixed address, and compare the addresses.")
    private boolean placement;

    @Option(
            names = "--touch",
            description = {
                "Access the mapped pages: all of them at each snapshot, and after each operation those in its range and"
                        + " beside it.",
                "Of a mapping of more than 64 pages, access the first and the last 32. A file has the size that the"
                        + " trace says. A SIGBUS is expected beyond its end, a SIGSEGV where a write is not permitted"
                        + " or no mapping is left. Mappings without access rights, and those that the kernel itself"
                        + " makes, are skipped."
            })
    private boolean touch;

    @Mixin
    private CpuOptions cpus;

    @Mixin
    private OutputOptions output;

    @Parameters(arity = "1..*", paramLabel = "PATH", description = "A .trace.gz file, or a folder with some.")
    private List<Path> paths;

    @Spec
    private CommandSpec spec;

    ReplayCommand() {}

    final CommandSpec spec() {
        return spec;
    }

    @Override
    public Integer call() throws InputException {
        return replay(null);
    }

    /** Replays the traces, with a further check of each space, if there is one. */
    final int replay(@Nullable ReplayCheck check) throws InputException {
        CpuPlan plan = cpus.plan(spec);
        if (plan.count() > 1 && !touch) {
            throw new ParameterException(spec.commandLine(), "--cpus needs --touch");
        }
        long start = System.nanoTime();
        PrintWriter errors = spec.commandLine().getErr();
        TraceFiles traces = TraceFiles.of(paths);
        ReportOutput reports = output.output(spec.commandLine().getOut());
        CheckRun run = new CheckRun(reports, errors, ProgressLine.of(spec));
        PlacementSource source = placement ? PlacementSource.LIBRARY : PlacementSource.TRACE;
        ReplayWatch watch = new ReplayWatch(operations -> {
            if (operations % TOLD_EACH == 0) {
                run.progresses(String.format(Locale.ROOT, "%,d operations so far", operations));
            }
        });
        ReplaySession session =
                new ReplaySession(source, touch ? plan : null, check, new HashSet<>(traces.files()), watch);
        run.check(traces.files(), file -> session.replay(file, traces.family(file)));
        cpus.explain(run, errors);
        reports.ends(Summary.of(run, start));
        return run.status();
    }
}
