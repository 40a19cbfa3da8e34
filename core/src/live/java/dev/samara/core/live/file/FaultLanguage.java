// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.live.file.FaultScript.Finding;
import dev.samara.interleave.failure.HostFault;
import dev.samara.interleave.failure.HostFault.HostCall;
import dev.samara.interleave.failure.HostFault.Way;
import dev.samara.testing.live.Language;
import dev.samara.testing.live.Tally;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Scripts of calls on files. Each script runs once without a fault, and once for each way in which each of its host
 * calls can fail, be short or be interrupted.
 */
final class FaultLanguage implements Language<Step, FaultDifference> {
    /** The number of steps of a script. */
    private static final int STEPS = 24;

    private final Path folder;
    private final Tally tally = new Tally(pairs());
    private long steps;

    /**
     * Creates a language.
     *
     * @param folder the directory for the scripts' files
     */
    FaultLanguage(Path folder) {
        this.folder = folder;
    }

    private static List<String> pairs() {
        List<String> pairs = new ArrayList<>();
        for (HostCall call : HostCall.values()) {
            for (Way way : Way.values()) {
                if (way.isOf(call)) {
                    pairs.add(call + " " + way);
                }
            }
        }
        return pairs;
    }

    @Override
    public String name() {
        return "faults";
    }

    @Override
    public Tally tally() {
        return tally;
    }

    @Override
    public long steps() {
        return steps;
    }

    @Override
    public List<Step> simpler(Step step) {
        return step.simpler();
    }

    @Override
    public @Nullable FaultDifference run(long seed) throws IOException {
        Chosen chosen = new Chosen(new Generator(seed));
        return runAll(new FaultScript(folder, chosen.generator.machine(), chosen, tally));
    }

    /** The steps that a generator chooses, without those that are not possible. */
    private static final class Chosen implements FaultScript.Choice {
        private final Generator generator;

        /** The next step, if it is already determined. */
        private @Nullable Step planned;

        private Chosen(Generator generator) {
            this.generator = generator;
        }

        @Override
        public @Nullable Step next(Scene scene, int number) {
            Step next = planned;
            planned = null;
            return number == STEPS ? null : next != null ? next : chosen(scene, number);
        }

        private Step chosen(Scene scene, int number) {
            Step next = generator.next(scene, number);
            while (!FaultTrial.isPossible(next)) {
                next = generator.next(scene, number);
            }
            return next.verb() == Verb.PUNCH ? holeInMemory(next, scene) : next;
        }

        /**
         * Makes a hole consist of clean pages in memory, if possible, because random steps hardly ever create such a
         * hole.
         */
        private Step holeInMemory(Step hole, Scene scene) {
            int slot = hole.number(Kind.SLOT);
            long size = scene.sizeAt(slot);
            if (!scene.isWritable(slot) || size < Places.PAGE || hole.get(Kind.OFFSET) % 2 == 0) {
                return hole;
            }
            planned = Step.of(Verb.PUNCH, slot, 0, Math.min(size, 2L * Places.PAGE));
            return Step.of(Verb.PREAD, slot, 0, size);
        }
    }

    private @Nullable FaultDifference runAll(FaultScript script) {
        Finding found = script.runAll();
        return ended(script, found);
    }

    private @Nullable FaultDifference ended(FaultScript script, @Nullable Finding found) {
        steps += (long) script.runs() * script.steps().size();
        return found == null ? null : new FaultDifference(found, script.steps());
    }

    /** Runs a script with all faults. Returns the violation, or null. */
    @Nullable
    FaultDifference runAll(List<Step> script) throws IOException {
        return runAll(of(script));
    }

    private FaultScript of(List<Step> script) throws IOException {
        Deque<Step> rest = new ArrayDeque<>(script.subList(1, script.size()));
        return new FaultScript(folder, script.get(0), (scene, number) -> rest.poll(), tally);
    }

    @Override
    public @Nullable FaultDifference again(FaultDifference found, List<Step> shorter) throws IOException {
        if (shorter.get(0).verb() != Verb.MACHINE) {
            return null;
        }
        HostFault fault = found.finding().fault();
        FaultScript script = of(shorter);
        Finding unsound = script.unsound();
        Finding like = fault.isNone() || unsound != null ? unsound : script.run(fault.call(), fault.way());
        return ended(script, like);
    }
}
