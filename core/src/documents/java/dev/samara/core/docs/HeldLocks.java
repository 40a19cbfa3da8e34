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
 * Finds the places in a method at which it holds a lock and may fail without releasing it.
 *
 * <p>Follows the instructions of the method, with the locks that it holds on every path to an instruction. If the
 * instruction may fail, it must be in the range of a handler that releases each of these locks. So nothing that may
 * fail is between the call that acquires a lock and the {@code try} block whose handler releases it, or between the end
 * of that block and the call that releases the lock.
 *
 * <p>A lock is identified by the name of the field, method or variable on which it is called.
 */
final class HeldLocks {
    /** The effect of a method on a lock. */
    enum Effect {
        TAKES,
        MAY_TAKE,
        RELEASES
    }

    /** Returns the effect of a method on a lock, and whether the method cannot fail. */
    interface Methods {
        @Nullable
        Effect effect(String owner, String name, String descriptor);

        boolean isSafe(String owner, String name, String descriptor);

        /** Returns the field with the lock that an object's own methods acquire and release. */
        String lockOf(String owner);
    }

    private final InstructionList code;
    private final Methods methods;
    private final Set<String> found = new TreeSet<>();
    private final Map<Integer, Set<String>> held = new HashMap<>();
    private final Deque<Integer> work = new ArrayDeque<>();

    private final Set<String> begun = new HashSet<>();

    /** The locks that the method holds when it returns. */
    private final Set<String> returned = new TreeSet<>();

    /**
     * Prepares the check of a method.
     *
     * @param releases whether the method is called with the locks that it releases
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

    /** Returns the locks that the method holds when it returns. */
    Set<String> returned() {
        return returned;
    }

    /** Returns the instructions at which the method may fail while it holds a lock, as text. */
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
                // Both paths start after the jump, which cannot fail.
                held.putIfAbsent(next, new HashSet<>(before));
                int jumped = code.index(code.get(next).targets.get(0));
                enter(jumped, opcode == Opcodes.IFEQ ? before : after);
                enter(next + 1, opcode == Opcodes.IFEQ ? after : before);
                return;
            }
            // The result is returned to the caller, so the lock is not held on all paths.
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

    /** Returns whether a release of a lock is reachable from an instruction. */
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
            // A step before the release may fail.
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
        // A release always completes. A method that acquires a lock either completes, or does not acquire it.
        return effect != Effect.RELEASES && !methods.isSafe(here.owner, here.nameOf(), here.descriptor);
    }

    private String lockOf(int at) {
        String name = nameOf(at);
        return name.equals("this") ? methods.lockOf(code.owner()) : name;
    }

    /**
     * Returns the name of the lock of a call: the name of the receiver or argument, or of the variable that stores the
     * result.
     */
    private String nameOf(int at) {
        InstructionList.Instruction call = code.get(at);
        if (call.descriptor.endsWith(";") || call.nameOf().equals("<init>")) {
            InstructionList.Instruction next = code.get(at + 1);
            return next.opcode == Opcodes.ASTORE
                    ? "variable " + next.variable
                    : next.opcode == Opcodes.PUTFIELD ? next.nameOf() : "result";
        }
        int before = at - 1;
        // The arguments of a call with a receiver are constants or variables.
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
