// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import dev.samara.examples.riscv.linux.CodeExecution;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** The kernel and the emulator, which make the same scripts. Used by one thread. */
final class Comparison implements AutoCloseable {
    private final Path folder;
    private final CodeExecution execution;
    private final KernelSide kernel;
    private final Watch watch = new Watch();
    private final MetPairs pairs = new MetPairs();
    private GuestSide guest;
    private int scripts;
    private int guests;
    private long operations;

    Comparison(Path folder, CodeExecution execution) throws IOException {
        this.folder = folder;
        this.execution = execution;
        kernel = new KernelSide(Files.createDirectory(folder.resolve("kernel")));
        ScriptRun.prepare(kernel);
        guest = newGuest();
    }

    private GuestSide newGuest() throws IOException {
        GuestSide made = new GuestSide(Files.createDirectory(folder.resolve("guest" + guests++)), execution);
        ScriptRun.prepare(made);
        return made;
    }

    int scripts() {
        return scripts;
    }

    long operations() {
        return operations;
    }

    MetPairs pairs() {
        return pairs;
    }

    /**
     * The first difference of a script.
     *
     * @param step the number of the step; that of all steps for the end
     * @param script the script
     * @param kernel what the kernel answered
     * @param guest what the emulator answered
     */
    record Difference(int step, List<Step> script, String kernel, String guest) {
        /** Returns the step; null for the end. */
        @Nullable
        Step at() {
            return step < script.size() ? script.get(step) : null;
        }

        /** Returns what kind of difference it is: of which call, and of its result or of something else. */
        String kind() {
            Step at = at();
            String where = at instanceof Step.Call call ? call.call().text() : at == null ? "end" : "verb";
            String[] ofKernel = kernel.split(" \\| ", -1);
            String[] ofGuest = guest.split(" \\| ", -1);
            if (!ofKernel[0].equals(ofGuest[0])) {
                return where + " " + (isNegative(ofKernel[0]) ? ofKernel[0] : "done") + " "
                        + (isNegative(ofGuest[0]) ? ofGuest[0] : "done");
            }
            for (int i = 1; i < Math.min(ofKernel.length, ofGuest.length); i++) {
                if (!ofKernel[i].equals(ofGuest[i])) {
                    return where + (ofKernel[i].startsWith("fd ") ? " state" : " memory");
                }
            }
            return where + " length";
        }

        private static boolean isNegative(String answer) {
            return answer.startsWith("-");
        }

        @Override
        public String toString() {
            return ScriptText.of(script) + "# step " + (step + 1) + ": " + (at() == null ? "end" : at())
                    + "\n# kernel:   " + kernel + "\n# emulator: " + guest + "\n";
        }
    }

    /** Runs a script on both sides; returns the first difference, or null. */
    @Nullable
    Difference run(List<Step> script) throws IOException {
        return run(List.of(script), new ArrayList<>()).get(0);
    }

    /** Runs scripts on both sides; returns the first difference of each, or null. */
    List<@Nullable Difference> runAll(List<List<Step>> scripts) throws IOException {
        List<Difference> found = run(scripts, new ArrayList<>());
        // What comes after a script that has ended the emulator is run again.
        while (found.size() < scripts.size()) {
            found = run(scripts.subList(found.size(), scripts.size()), found);
        }
        return found;
    }

    private List<Difference> run(List<List<Step>> scripts, List<Difference> before) throws IOException {
        List<String> names = scripts.stream().map(each -> "s" + this.scripts++).toList();
        CompletableFuture<List<ScriptRun.Answers>> ofKernel =
                CompletableFuture.supplyAsync(() -> ScriptRun.run(kernel, names, scripts, watch), ScriptRun::start);
        List<ScriptRun.Answers> ofGuest = ScriptRun.run(guest, names, scripts, watch);
        List<ScriptRun.Answers> expected = ofKernel.join();
        List<Difference> found = new ArrayList<>(before);
        // The emulator deletes the named pipes at its end.
        boolean isLost = ofGuest.stream().anyMatch(each -> each.end().startsWith("lost"));
        for (int i = 0; i < names.size(); i++) {
            if (i < ofGuest.size()) {
                String complaints = guest.complaints();
                found.add(of(names.get(i), scripts.get(i), expected.get(i), ofGuest.get(i), complaints, isLost));
            }
            FolderText.delete(kernel.folder().resolve(names.get(i)));
            FolderText.delete(guest.folder().resolve(names.get(i)));
        }
        if (isLost) {
            renew();
        }
        return found;
    }

    private @Nullable Difference of(
            String name,
            List<Step> script,
            ScriptRun.Answers kernelAnswers,
            ScriptRun.Answers guestAnswers,
            String complaints,
            boolean isLost)
            throws IOException {
        operations += script.size();
        pairs.add(script, kernelAnswers);
        Difference found = difference(
                script, kernelAnswers, new ScriptRun.Answers(guestAnswers.steps(), guestAnswers.end() + complaints));
        if (found == null && !isLost) {
            String kernelTree = FolderText.of(kernel.folder().resolve(name));
            String guestTree = FolderText.of(guest.folder().resolve(name));
            if (!kernelTree.equals(guestTree)) {
                return new Difference(script.size(), script, kernelTree, guestTree);
            }
        }
        return found;
    }

    private void renew() throws IOException {
        guest.close();
        guest = newGuest();
    }

    private static @Nullable Difference difference(
            List<Step> script, ScriptRun.Answers kernel, ScriptRun.Answers guest) {
        List<String> ofKernel = new ArrayList<>(kernel.steps());
        List<String> ofGuest = new ArrayList<>(guest.steps());
        for (int i = 0; i < script.size() && i < Math.max(ofKernel.size(), ofGuest.size()); i++) {
            String other = i < ofGuest.size() ? ofGuest.get(i) : guest.end();
            String one = NamedExceptions.expected(i < ofKernel.size() ? ofKernel.get(i) : "", other);
            if (!one.equals(other)) {
                if (NamedExceptions.of(script.get(i), one, other) != null) {
                    return null;
                }
                return new Difference(i, script, one, other);
            }
        }
        String other = last(ofGuest, script) + guest.end();
        String one = NamedExceptions.expected(last(ofKernel, script) + kernel.end(), other);
        return one.equals(other) ? null : new Difference(script.size(), script, one, other);
    }

    private static String last(List<String> steps, List<Step> script) {
        return steps.size() > script.size() ? steps.get(script.size()) : "";
    }

    @Override
    public void close() throws IOException {
        watch.close();
        kernel.close();
        guest.close();
    }
}
