// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.emulator.linux.RunPlan.ExecutionMode;
import dev.samara.testing.live.ErrorNames;
import dev.samara.testing.live.Tally;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Executes the same scripts on the kernel and in the emulator. Used by one thread. */
final class Comparison implements AutoCloseable {
    private final Path folder;
    private final ExecutionMode execution;
    private KernelSide kernel;
    private final Watch watch;
    private final Tally tally;
    private GuestSide guest;
    private int scripts;
    private int guests;
    private int kernels;

    /**
     * Starts both sides.
     *
     * @param folder the parent of the scripts' folders
     * @param execution how the emulator executes code
     * @param watch ends scripts that hang; the caller closes it
     * @param tally counts the kernel's results
     */
    Comparison(Path folder, ExecutionMode execution, Watch watch, Tally tally) throws IOException {
        this.watch = watch;
        this.folder = folder;
        this.execution = execution;
        this.tally = tally;
        kernel = newKernel();
        guest = newGuest();
    }

    private KernelSide newKernel() throws IOException {
        KernelSide made = KernelSide.start(Files.createDirectory(folder.resolve("kernel" + kernels++)));
        made.prepare();
        return made;
    }

    private GuestSide newGuest() throws IOException {
        GuestSide made = GuestSide.start(Files.createDirectory(folder.resolve("guest" + guests++)), execution);
        made.prepare();
        return made;
    }

    ExecutionMode execution() {
        return execution;
    }

    /** Runs a script on both sides as a trial to shorten another script; returns the first difference, or null. */
    @Nullable
    Difference tryOut(List<Step> script) throws IOException {
        watch.tries();
        try {
            return run(List.of(script), new ArrayList<>()).get(0);
        } finally {
            watch.waits();
        }
    }

    /**
     * Repeats the shortest script that trials found, with more time; returns its difference, or null. If the difference
     * is not of the same kind, later trials get more time.
     */
    @Nullable
    Difference confirm(Difference found) throws IOException {
        watch.repeats();
        try {
            Difference again = run(List.of(found.script()), new ArrayList<>()).get(0);
            if (again == null || !again.kind().equals(found.kind())) {
                watch.bePatient();
            }
            return again;
        } finally {
            watch.waits();
        }
    }

    /** Runs scripts on both sides; returns the first difference of each, or null. */
    List<@Nullable Difference> runAll(List<List<Step>> scripts) throws IOException {
        List<Difference> found = run(scripts, new ArrayList<>());
        // If a script ended the emulator, the scripts after it are run again.
        while (found.size() < scripts.size()) {
            found = run(scripts.subList(found.size(), scripts.size()), found);
        }
        return found;
    }

    private List<Difference> run(List<List<Step>> scripts, List<Difference> before) throws IOException {
        List<String> names = scripts.stream().map(each -> "s" + this.scripts++).toList();
        watch.startScripts();
        CompletableFuture<List<ScriptRun.Answers>> ofKernel =
                CompletableFuture.supplyAsync(() -> ScriptRun.run(kernel, names, scripts, watch), ScriptRun::start);
        List<ScriptRun.Answers> ofGuest = ScriptRun.run(guest, names, scripts, watch);
        List<ScriptRun.Answers> expected = ofKernel.join();
        List<Difference> found = new ArrayList<>(before);
        boolean isLost = ofGuest.stream().anyMatch(each -> each.end().startsWith("lost"));
        boolean isKernelLost = expected.stream().anyMatch(each -> each.end().startsWith("lost"));
        for (int i = 0; i < names.size(); i++) {
            if (i < ofGuest.size() && i < expected.size()) {
                String complaints = guest.complaints();
                found.add(of(scripts.get(i), expected.get(i), ofGuest.get(i), complaints));
            }
            delete(kernel.folder().resolve(names.get(i)));
            delete(guest.folder().resolve(names.get(i)));
        }
        if (isLost) {
            guest.close();
            guest = newGuest();
        }
        if (isKernelLost) {
            kernel.close();
            kernel = newKernel();
        }
        return found;
    }

    private @Nullable Difference of(
            List<Step> script, ScriptRun.Answers kernelAnswers, ScriptRun.Answers guestAnswers, String complaints) {
        tally(script, kernelAnswers);
        ScriptRun.Answers ofGuest = new ScriptRun.Answers(guestAnswers.steps(), guestAnswers.end() + complaints);
        Difference found = difference(script, kernelAnswers, ofGuest);
        return found != null && isCopyOverItself(found) ? null : found;
    }

    private void tally(List<Step> script, ScriptRun.Answers answers) {
        for (int i = 0; i < script.size() && i < answers.steps().size(); i++) {
            String result = answers.steps().get(i).split(" ", 2)[0];
            String name = script.get(i) instanceof Step.Call call && call.way() != Step.Way.BEGUN
                    ? call.call().text()
                    : script.get(i) instanceof Step.Spawn spawn ? spawn.name() : "";
            if (!name.isEmpty()) {
                boolean isError = result.matches("-[0-9]{1,3}");
                tally.met(name, isError ? ErrorNames.of(Integer.parseInt(result)) : "done");
            }
        }
    }

    private @Nullable Difference difference(List<Step> script, ScriptRun.Answers kernel, ScriptRun.Answers guest) {
        List<String> ofKernel = new ArrayList<>(kernel.steps());
        List<String> ofGuest = new ArrayList<>(guest.steps());
        if (kernel.isTooLong() && guest.isTooLong()) {
            // On both sides, the script waits for something that never happens.
            return null;
        }
        for (int i = 0; i < script.size() && i < Math.max(ofKernel.size(), ofGuest.size()); i++) {
            String one = i < ofKernel.size() ? ofKernel.get(i) : "";
            String other = i < ofGuest.size() ? ofGuest.get(i) : guest.end();
            if (!one.equals(other)) {
                return new Difference(execution, i, script, one, other);
            }
        }
        return kernel.end().equals(guest.end())
                ? null
                : new Difference(execution, script.size(), script, kernel.end(), guest.end());
    }

    /**
     * Returns whether a task copied its own memory, as that of another process, over itself: Linux copies in parts of
     * other sizes, so other bytes are found where the parts overlap.
     */
    private static boolean isCopyOverItself(Difference found) {
        boolean isCopy = found.at() instanceof Step.Call call
                && (call.call() == JudgedCall.PROCESS_VM_READV || call.call() == JudgedCall.PROCESS_VM_WRITEV)
                && call.arguments().get(0) instanceof Argument.TaskNumber of
                && processOf(found, of.task()) == processOf(found, call.task());
        return isCopy && first(found.kernel()).equals(first(found.guest()));
    }

    private static String first(String answer) {
        return answer.split(" ", 2)[0];
    }

    private static int processOf(Difference found, int task) {
        List<Step.Make> made = found.script().stream()
                .filter(Step.Make.class::isInstance)
                .map(Step.Make.class::cast)
                .toList();
        int at = task;
        while (at > 0 && at <= made.size() && made.get(at - 1).isThread()) {
            at = made.get(at - 1).task();
        }
        return at;
    }

    /** Deletes the folder of a script, which may contain files and no folders. */
    private static void delete(Path folder) throws IOException {
        if (Files.exists(folder)) {
            try (DirectoryStream<Path> all = Files.newDirectoryStream(folder)) {
                for (Path each : all) {
                    Files.delete(each);
                }
            }
            Files.delete(folder);
        }
    }

    @Override
    public void close() throws IOException {
        kernel.close();
        guest.close();
    }
}
