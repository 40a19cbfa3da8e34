// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.testing.live.Language;
import dev.samara.testing.live.Tally;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Scripts of memory calls, loads, stores and checkpoints, which only the library executes: it is compared with itself,
 * before and after a restore.
 */
final class CheckpointLanguage implements Language<LawStep, LawDifference>, AutoCloseable {
    private static final long MEMORY = 1L << 26;
    private static final int MOST_BEFORE = 25;
    private static final int LEAST = 3;
    private static final int MORE = 40;
    private static final int MOST_OPEN = 4;

    private final Tally tally = new Tally(List.of());
    private @Nullable Machine machine;
    private @Nullable Cpu cpu;
    private int options;
    private long steps;

    @Override
    public String name() {
        return "checkpoints";
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
    public List<LawStep> simpler(LawStep step) {
        return step.simpler();
    }

    private static <T> T chosen(Random random, T[] all) {
        return all[random.nextInt(all.length)];
    }

    @Override
    public @Nullable LawDifference run(long seed) {
        return run(seed, new ArrayList<>());
    }

    /** Returns the script of a seed. */
    LawScript script(long seed) {
        List<LawStep> made = new ArrayList<>();
        LawDifference found = run(seed, made);
        return found == null ? described(seed).with(made) : found.script();
    }

    private static LawScript described(long seed) {
        Random random = new Random(seed * 0x9e37_79b9_7f4a_7c15L);
        World world = chosen(random, World.values());
        int options = (random.nextInt(3) == 0 ? LawScript.TOUCHES : 0)
                | (random.nextInt(2) == 0 ? LawScript.WITHOUT_ZERO_PAGE : 0);
        return new LawScript(world, options, List.of());
    }

    /** Generates and runs the script of a seed; adds its steps to a list. */
    private @Nullable LawDifference run(long seed, List<LawStep> made) {
        LawScript empty = described(seed);
        Random random = new Random(seed * 0x9e37_79b9_7f4a_7c15L + 1);
        CheckpointLaw law = begin(empty);
        LawDifference found;
        try {
            found = generate(empty, random, law, made);
        } finally {
            steps += made.size();
        }
        if (found == null) {
            found = law.end(made.size());
        }
        return found == null ? null : abandon(law, found.in(empty.with(made)));
    }

    private @Nullable LawDifference generate(LawScript empty, Random random, CheckpointLaw law, List<LawStep> made) {
        Exceptions.Files files = chosen(random, Exceptions.Files.values());
        Generator generator =
                new Generator(random, empty.world(), new MadePlace(empty.world()), 0, files, random.nextInt(4) == 0);
        int before = random.nextInt(MOST_BEFORE);
        int length = before + LEAST + random.nextInt(MORE);
        LawDifference found = null;
        for (int i = 0; i < length && found == null; i++) {
            LawStep step = i == before ? LawStep.take() : next(i > before ? law.openCheckpoints() : 0, random);
            found = perform(law, made, step == null ? LawStep.of(generator.next(law.library())) : step);
        }
        for (int back = 0; back < law.openCheckpoints() && found == null; back++) {
            found = perform(law, made, new LawStep(LawStep.Kind.RETURN, back, null));
        }
        return found;
    }

    private @Nullable LawDifference perform(CheckpointLaw law, List<LawStep> made, LawStep step) {
        made.add(step);
        LawDifference found = law.perform(made.size() - 1, step);
        tally.met(step.name(), step.operation() == null ? "ok" : law.lastResult());
        return found;
    }

    /** Returns a step about a checkpoint, or null for an operation. */
    private static @Nullable LawStep next(int open, Random random) {
        if (open == 0) {
            return null;
        }
        int back = random.nextInt(3) == 0 ? random.nextInt(open) : 0;
        int choice = random.nextInt(60);
        if (choice < 5) {
            return open < MOST_OPEN ? LawStep.take() : null;
        }
        if (choice < 10) {
            return new LawStep(LawStep.Kind.RETURN, back, null);
        }
        if (choice < 13) {
            return new LawStep(LawStep.Kind.RESTORE, back, null);
        }
        return choice == 13 ? new LawStep(LawStep.Kind.CLOSE, back, null) : null;
    }

    @Override
    public @Nullable LawDifference again(LawDifference found, List<LawStep> changed) {
        return run(found.script().with(changed));
    }

    /** Runs a script. */
    @Nullable
    LawDifference run(LawScript script) {
        CheckpointLaw law = begin(script);
        LawDifference found = null;
        for (int i = 0; i < script.steps().size() && found == null; i++) {
            found = law.perform(i, script.steps().get(i));
            steps++;
        }
        if (found == null) {
            found = law.end(script.steps().size());
        }
        return found == null ? null : abandon(law, found);
    }

    /** Ends a machine that may be in any state after a difference, which is returned. */
    private LawDifference abandon(CheckpointLaw law, LawDifference found) {
        try {
            law.close();
            renew();
            return found;
        } catch (RuntimeException | AssertionError thrown) {
            // The machine is not used again.
            return found.with("then its end throws " + thrown);
        }
    }

    private CheckpointLaw begin(LawScript script) {
        int wanted = script.options() & LawScript.WITHOUT_ZERO_PAGE;
        if (machine == null || cpu == null || options != wanted) {
            renew();
            options = wanted;
            machine = Machine.builder()
                    .memory(MEMORY)
                    .poisonFrames(true)
                    .forbidZeroPage(wanted != 0)
                    .build();
            cpu = machine.claimCpu();
        }
        return new CheckpointLaw(script, machine, cpu);
    }

    /** Ends the machine; the next script gets a new one. */
    private void renew() {
        Machine ended = machine;
        Cpu owned = cpu;
        machine = null;
        cpu = null;
        if (owned != null) {
            owned.close();
        }
        if (ended != null) {
            ended.close();
        }
    }

    @Override
    public void close() {
        renew();
    }
}
