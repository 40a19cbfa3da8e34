// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.oracle.OracleCheck;
import dev.samara.tool.record.InputException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code samara oracle}. */
@Command(
        name = "oracle",
        description = "Executes recorded random operations and compares each result and each list of VMAs.",
        footerHeading = "Example:%n",
        footer = "  samara oracle --cpus 4 tool/src/test/resources/oracle",
        mixinStandardHelpOptions = true,
        versionProvider = JarVersion.class)
final class OracleCommand implements Callable<Integer> {
    private static final String SUFFIX = ".oracle.gz";

    @Mixin
    private OutputOptions output;

    @Mixin
    private CpuOptions cpus;

    @Parameters(arity = "1..*", paramLabel = "PATH", description = "An .oracle.gz file, or a folder with some.")
    private List<Path> paths;

    @Spec
    private CommandSpec spec;

    OracleCommand() {}

    @Override
    public Integer call() throws InputException {
        CpuPlan plan = cpus.plan(spec);
        long start = System.nanoTime();
        List<Path> files = InputFiles.expand(paths, SUFFIX);
        ReportOutput reports = output.output(spec.commandLine().getOut());
        PrintWriter errors = spec.commandLine().getErr();
        CheckRun run = new CheckRun(reports, errors, ProgressLine.of(spec));
        run.check(files, file -> OracleCheck.check(file, plan));
        cpus.explain(run, errors);
        reports.ends(Summary.of(run, start, null));
        return run.status();
    }
}
