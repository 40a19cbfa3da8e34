// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.Vma;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs steps on an address space and on the model, and compares all visible state after each step. Can print its calls
 * as the body of a test.
 */
final class ModelRun {
    /** A space, its model, and the numbers that their listings assigned to objects. */
    private static final class Pair {
        final String name;
        final AddressSpace space;
        final ModelSpace model;
        final LayoutText listing;
        final LayoutText modelListing;

        Pair(String name, AddressSpace space, ModelSpace model) {
            this.name = name;
            this.space = space;
            this.model = model;
            listing = new LayoutText();
            modelListing = new LayoutText();
        }

        void close() {
            space.close();
            model.close();
            model.machine.remove(model);
        }
    }

    private Pair current;
    private @Nullable Pair other;
    private int children;
    private final @Nullable StringBuilder java;

    /** Creates both sides. If {@code java} is null, the run does not print its calls. */
    ModelRun(ModelSetting setting, @Nullable StringBuilder java) {
        this.java = java;
        say(setting.asJava());
        current = new Pair("space", setting.space(), setting.model());
        compare(current);
    }

    /** Returns the model to which the next step applies. */
    ModelSpace model() {
        return current.model;
    }

    void step(ModelCall call) {
        if (call.kind() == ModelCall.Kind.FORK) {
            fork(call.flags());
        } else {
            long expected = call.on(current.model);
            String text = call.asJava(current.name);
            if (call.isVoid()) {
                say(text + ";");
            } else {
                say("assertEquals(" + ModelCall.result(expected) + ", " + text + ");");
            }
            long actual = call.on(current.space);
            require(
                    expected == actual,
                    () -> "expected " + ModelCall.result(expected) + " but got " + ModelCall.result(actual));
        }
        compare(current);
        if (other != null) {
            compare(other);
        }
        findEverywhere(call);
    }

    private void fork(int what) {
        ModelSpace childModel = current.model.fork();
        children++;
        String name = "child" + children;
        AddressSpace child;
        try {
            say((childModel == null ? "assertThrows(MmException.class, () -> " : "AddressSpace " + name + " = ")
                    + current.name + ".fork()" + (childModel == null ? ");" : ";"));
            child = current.space.fork();
        } catch (MmException refused) {
            require(childModel == null && refused.errno() == Errno.ENOMEM, () -> "fork failed: " + refused);
            return;
        }
        require(childModel != null, () -> "fork should have failed");
        Pair pair = new Pair(name, child, Objects.requireNonNull(childModel));
        compare(pair);
        if (what == ModelCall.CLOSE_CHILD) {
            end(pair);
            return;
        }
        if (other != null) {
            end(other);
        }
        other = what == ModelCall.BECOME_CHILD ? current : pair;
        current = what == ModelCall.BECOME_CHILD ? pair : current;
    }

    private void end(Pair pair) {
        say(pair.name + ".close();");
        pair.close();
    }

    /** Compares everything that is left, and closes it. */
    void finish() {
        if (java != null) {
            String text = new LayoutText().text(current.model.pages.vmas()).indent(16);
            say("assertEquals(\n                \"\"\"\n" + text
                    + "                \"\"\",\n                LayoutText.of(" + current.name + "));");
            say("// " + current.model.usage() + ", committed pages " + current.model.machine.committedPages());
            say(current.name + ".validate();");
        }
        compare(current);
        end(current);
        if (other != null) {
            end(other);
        }
        require(current.space.machine().committed() == 0, () -> "committed memory is left after close()");
    }

    private static void compare(Pair pair) {
        pair.space.validate();
        String expected = pair.modelListing.text(pair.model.pages.vmas());
        String actual = pair.listing.text(pair.space.snapshot().vmas());
        require(
                expected.equals(actual),
                () -> "expected layout of " + pair.name + "\n" + expected + "but it is\n" + actual);
        String usage = pair.model.usage() + ", committed "
                + (pair.model.machine.committedPages() << pair.model.geometry.pageShift());
        String actualUsage =
                pair.space.usage() + ", committed " + pair.space.machine().committed();
        require(usage.equals(actualUsage), () -> "expected " + usage + " but it is " + actualUsage);
    }

    /** Looks up single addresses around a step, and compares the results with a snapshot. */
    private void findEverywhere(ModelCall call) {
        long page = current.model.geometry.pageSize();
        List<Vma> vmas = current.space.snapshot().vmas();
        for (long base : new long[] {call.address(), call.address() + call.length(), call.target(), 0}) {
            for (long address : new long[] {base - page, base - 1, base, base + page}) {
                Vma found = current.space.find(address);
                Vma listed = vmas.stream()
                        .filter(vma -> vma.contains(address))
                        .findFirst()
                        .orElse(null);
                require(found == listed, () -> "find(" + ModelCall.hex(address) + ") differs from the snapshot");
            }
        }
    }

    private void say(String line) {
        if (java != null) {
            java.append("        ").append(line).append('\n');
        }
    }

    private static void require(boolean condition, Supplier<String> otherwise) {
        if (!condition) {
            throw new AssertionError(otherwise.get());
        }
    }
}
