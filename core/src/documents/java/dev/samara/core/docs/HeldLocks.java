// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.Label;
import org.objectweb.asm.Opcodes;

/**
 * The places of one method at which it has a lock and may fail without releasing it.
 *
 * <p>Follows the instructions of the method with the locks that it has on every way to an instruction. An instruction
 * that may fail must then be in the range of a handler that releases each of these locks. So nothing that may fail
 * stands between the call that takes a lock and the {@code try} that releases it, nor between the end of that and the
 * call that releases the lock.
 *
 * <p>A lock is known by the name of the field, method or variable that its call goes to.
 */
final class HeldLocks {
    /** What a method does to a lock. */
    enum Effect {
        TAKES,
        MAY_TAKE,
        RELEASES
    }

    /** Tells the effect of a method on a lock, and whether it cannot fail. */
    interface Methods {
        @Nullable
        Effect effect(String owner, String name, String descriptor);

        boolean isSafe(String owner, String name, String descriptor);

        /** Returns the field with the lock that an object's own methods take and release. */
        String lockOf(String owner);
    }

    private final InstructionList code;
    private final Methods methods;
    private final Set<String> found = new TreeSet<>();
    private final Map<Integer, Set<String>> held = new HashMap<>();
    private final Deque<Integer> work = new ArrayDeque<>();

    private final Set<String> begun = new HashSet<>();

    /** The locks that the method has when it returns. */
    private final Set<String> returned = new TreeSet<>();

    /**
     * Prepares to look at a method.
     *
     * @param releases whether it begins with the locks that it releases
     */
    HeldLocks(InstructionList code, Methods methods, boolean releases) {
        this.code = code;
        this.methods = methods;
        if (releases) {
            for (int i = 0; i < code.size(); i++) {
                InstructionList.Instruction each = code.get(i);
                if (each.isCall() && effectOf(each) == Effect.RELEASES) {
                    begun.add(lockOf(i));
                }
            }
        }
    }

    private @Nullable Effect effectOf(InstructionList.Instruction call) {
        return methods.effect(call.owner, call.nameOf(), call.descriptor);
    }

    /** Returns the locks that the method has when it returns. */
    Set<String> returned() {
        return returned;
    }

    /** Returns the instructions at which the method may fail with a lock, as text. */
    Set<String> find() {
        enter(0, begun);
        while (!work.isEmpty()) {
            step(work.pop());
        }
        for (Map.Entry<Integer, Set<String>> each : held.entrySet()) {
            check(each.getKey(), each.getValue());
        }
        return found;
    }

    private void enter(int at, Set<String> locks) {
        if (at >= code.size()) {
            return;
        }
        Set<String> known = held.get(at);
        if (known == null) {
            held.put(at, new HashSet<>(locks));
            work.push(at);
        } else if (known.retainAll(locks)) {
            work.push(at);
        }
    }

    private void step(int at) {
        InstructionList.Instruction here = code.get(at);
        Set<String> before = Objects.requireNonNull(held.get(at), "entered");
        Effect effect = here.isCall() ? effectOf(here) : null;
        if (mayFail(here)) {
            for (InstructionList.Handler handler : code.handlers(at)) {
                enter(code.index(handler.start()), before);
            }
        }
        Set<String> after = new HashSet<>(before);
        if (effect == Effect.TAKES) {
            after.add(lockOf(at));
        } else if (effect == Effect.RELEASES) {
            after.remove(lockOf(at));
        }
        if (effect == Effect.MAY_TAKE) {
            after.add(lockOf(at));
            int next = at + 1;
            int opcode = next < code.size() ? code.get(next).opcode : -1;
            if (opcode == Opcodes.IFEQ || opcode == Opcodes.IFNE) {
                // Both ways begin behind the jump, which cannot fail.
                held.putIfAbsent(next, new HashSet<>(before));
                int jumped = code.index(code.get(next).targets.get(0));
                enter(jumped, opcode == Opcodes.IFEQ ? before : after);
                enter(next + 1, opcode == Opcodes.IFEQ ? after : before);
                return;
            }
            // Its caller has the answer: not known on all ways.
            after = before;
        }
        for (Label target : here.targets) {
            enter(code.index(target), after);
        }
        if (!here.endsHere()) {
            enter(at + 1, after);
        }
    }

    private void check(int at, Set<String> locks) {
        InstructionList.Instruction here = code.get(at);
        if (here.isReturn()) {
            returned.addAll(locks);
        }
        if (!mayFail(here)) {
            return;
        }
        for (String lock : locks) {
            if (!isReleasedAfter(at, lock)) {
                found.add("line " + here.line + ": " + here + " with " + lock);
            }
        }
    }

    /** Returns whether a failure leads to a handler that releases a lock. */
    private boolean isReleasedAfter(int at, String lock) {
        for (InstructionList.Handler handler : code.handlers(at)) {
            if (handler.isOfAll() && releases(code.index(handler.start()), lock)) {
                return true;
            }
        }
        return false;
    }

    /** Returns whether a release of a lock can be reached from an instruction. */
    private boolean releases(int start, String lock) {
        Set<Integer> seen = new HashSet<>();
        Deque<Integer> next = new ArrayDeque<>(List.of(start));
        while (!next.isEmpty()) {
            int at = next.pop();
            if (at >= code.size() || !seen.add(at)) {
                continue;
            }
            InstructionList.Instruction here = code.get(at);
            if (here.isCall() && effectOf(here) == Effect.RELEASES && lockOf(at).equals(lock)) {
                return true;
            }
            List<Integer> targets = new ArrayList<>();
            here.targets.forEach(target -> targets.add(code.index(target)));
            if (!here.endsHere()) {
                targets.add(at + 1);
            }
            // A failure of a step before the release.
            for (InstructionList.Handler handler : code.handlers(at)) {
                if (handler.isOfAll() && mayFail(here)) {
                    targets.add(code.index(handler.start()));
                }
            }
            next.addAll(targets);
        }
        return false;
    }

    private boolean mayFail(InstructionList.Instruction here) {
        if (!here.isCall()) {
            return here.mayFail();
        }
        Effect effect = effectOf(here);
        // A release comes to its end, and so does what takes a lock, or it takes none.
        return effect != Effect.RELEASES && !methods.isSafe(here.owner, here.nameOf(), here.descriptor);
    }

    private String lockOf(int at) {
        String name = nameOf(at);
        return name.equals("this") ? methods.lockOf(code.owner()) : name;
    }

    /** Returns the name of the lock of a call: that of its receiver or argument, or of what its result becomes. */
    private String nameOf(int at) {
        InstructionList.Instruction call = code.get(at);
        if (call.descriptor.endsWith(";") || call.nameOf().equals("<init>")) {
            InstructionList.Instruction next = code.get(at + 1);
            return next.opcode == Opcodes.ASTORE
                    ? "variable " + next.variable
                    : next.opcode == Opcodes.PUTFIELD ? next.nameOf() : "result";
        }
        int before = at - 1;
        // Arguments of a call with one are constants or variables.
        if (call.opcode != Opcodes.INVOKESTATIC) {
            before -= InstructionList.arguments(call.descriptor);
        }
        InstructionList.Instruction receiver = code.get(Math.max(before, 0));
        if (receiver.opcode == Opcodes.ALOAD) {
            return receiver.variable == 0 && !code.isStatic() ? "this" : "variable " + receiver.variable;
        }
        if (receiver.isCall() && receiver.descriptor.endsWith(";")) {
            return effectOf(receiver) == null ? receiver.nameOf() : "result";
        }
        return receiver.name == null ? "an element" : receiver.name;
    }
}
