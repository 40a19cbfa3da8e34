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
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.InvokeDynamicInsnNode;
import org.objectweb.asm.tree.JumpInsnNode;
import org.objectweb.asm.tree.LabelNode;
import org.objectweb.asm.tree.LdcInsnNode;
import org.objectweb.asm.tree.LineNumberNode;
import org.objectweb.asm.tree.LookupSwitchInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.TableSwitchInsnNode;
import org.objectweb.asm.tree.TryCatchBlockNode;
import org.objectweb.asm.tree.TypeInsnNode;
import org.objectweb.asm.tree.VarInsnNode;

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
    /** The effect of a call on a lock. */
    enum Effect {
        NONE,
        TAKES,
        MAY_TAKE,
        RELEASES
    }

    /** What is known about the methods that a method calls. */
    interface Methods {
        Effect effect(MethodInsnNode call);

        /** Returns whether the method cannot fail. */
        boolean isSafe(MethodInsnNode call);

        /** Returns the field with the lock that the own methods of the class acquire and release. */
        String ownLock();
    }

    private final MethodNode method;
    private final Methods methods;

    /** The instructions, without labels and line numbers. */
    private final List<AbstractInsnNode> code = new ArrayList<>();

    /** The index of each instruction, and of the first one after each label. */
    private final Map<AbstractInsnNode, Integer> indexes = new HashMap<>();

    private final Map<Integer, Set<String>> held = new HashMap<>();
    private final Deque<Integer> work = new ArrayDeque<>();
    private final Set<String> returned = new TreeSet<>();

    HeldLocks(MethodNode method, Methods methods) {
        this.method = method;
        this.methods = methods;
        for (AbstractInsnNode each : method.instructions) {
            indexes.put(each, code.size());
            if (each.getOpcode() >= 0) {
                code.add(each);
            }
        }
    }

    /** Returns the locks that the method holds when it returns. */
    Set<String> returned() {
        return returned;
    }

    /**
     * Returns the instructions at which the method may fail while it holds a lock, as text.
     *
     * @param releases whether the method is called with the locks that it releases
     */
    Set<String> find(boolean releases) {
        Set<String> begun = new HashSet<>();
        for (int i = 0; releases && i < code.size(); i++) {
            if (effect(i) == Effect.RELEASES) {
                begun.add(lockOf(i));
            }
        }
        enter(0, begun);
        while (!work.isEmpty()) {
            step(work.pop());
        }
        Set<String> found = new TreeSet<>();
        held.forEach((at, locks) -> {
            if (isReturn(at)) {
                returned.addAll(locks);
            }
            for (String lock : locks) {
                if (mayFail(at) && handlerOfAll(at).stream().noneMatch(handler -> releases(handler, lock))) {
                    found.add(placeOf(at) + " with " + lock);
                }
            }
        });
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
        Set<String> before = Objects.requireNonNull(held.get(at), "entered");
        if (mayFail(at)) {
            handlers(at).forEach(handler -> enter(handler, before));
        }
        Set<String> after = new HashSet<>(before);
        switch (effect(at)) {
            case TAKES -> after.add(lockOf(at));
            case RELEASES -> after.remove(lockOf(at));
            case MAY_TAKE -> {
                if (at + 1 < code.size() && code.get(at + 1) instanceof JumpInsnNode jump) {
                    after.add(lockOf(at));
                    boolean jumpsWithout = jump.getOpcode() == Opcodes.IFEQ;
                    // Both paths start after the jump, which cannot fail.
                    held.putIfAbsent(at + 1, new HashSet<>(before));
                    enter(index(jump.label), jumpsWithout ? before : after);
                    enter(at + 2, jumpsWithout ? after : before);
                    return;
                }
                // The result is returned to the caller, so the lock is not held on all paths.
            }
            case NONE -> {}
        }
        next(at).forEach(next -> enter(next, after));
    }

    /** Returns whether a release of a lock is reachable from an instruction. */
    private boolean releases(int start, String lock) {
        Set<Integer> seen = new HashSet<>();
        Deque<Integer> next = new ArrayDeque<>(List.of(start));
        while (!next.isEmpty()) {
            int at = next.pop();
            if (at < code.size() && seen.add(at)) {
                if (effect(at) == Effect.RELEASES && lockOf(at).equals(lock)) {
                    return true;
                }
                next.addAll(next(at));
                if (mayFail(at)) {
                    next.addAll(handlerOfAll(at));
                }
            }
        }
        return false;
    }

    private int index(LabelNode label) {
        return Objects.requireNonNull(indexes.get(label), "a label of the method");
    }

    /** Returns the instructions that may follow one that does not fail. */
    private List<Integer> next(int at) {
        AbstractInsnNode here = code.get(at);
        List<Integer> next = new ArrayList<>();
        if (here instanceof JumpInsnNode jump) {
            next.add(index(jump.label));
        } else if (here instanceof TableSwitchInsnNode choice) {
            choice.labels.forEach(label -> next.add(index(label)));
            next.add(index(choice.dflt));
            return next;
        } else if (here instanceof LookupSwitchInsnNode choice) {
            choice.labels.forEach(label -> next.add(index(label)));
            next.add(index(choice.dflt));
            return next;
        }
        if (!isReturn(at) && here.getOpcode() != Opcodes.ATHROW && here.getOpcode() != Opcodes.GOTO) {
            next.add(at + 1);
        }
        return next;
    }

    private boolean isReturn(int at) {
        int opcode = code.get(at).getOpcode();
        return opcode >= Opcodes.IRETURN && opcode <= Opcodes.RETURN;
    }

    /** Returns the handlers of an instruction, up to the first one that catches all failures. */
    private List<Integer> handlers(int at) {
        List<Integer> handlers = new ArrayList<>();
        for (TryCatchBlockNode block : method.tryCatchBlocks) {
            if (index(block.start) <= at && at < index(block.end)) {
                handlers.add(index(block.handler));
                if (isOfAll(block)) {
                    break;
                }
            }
        }
        return handlers;
    }

    /** Returns the handler that any failure of an instruction reaches, or nothing. */
    private List<Integer> handlerOfAll(int at) {
        for (TryCatchBlockNode block : method.tryCatchBlocks) {
            if (isOfAll(block) && index(block.start) <= at && at < index(block.end)) {
                return List.of(index(block.handler));
            }
        }
        return List.of();
    }

    private static boolean isOfAll(TryCatchBlockNode block) {
        return block.type == null || block.type.equals("java/lang/Throwable");
    }

    private Effect effect(int at) {
        return code.get(at) instanceof MethodInsnNode call ? methods.effect(call) : Effect.NONE;
    }

    /**
     * Returns whether an instruction allocates, throws, divides or calls. Null pointers and array indexes are not
     * considered. A release always completes. A method that acquires a lock either completes, or does not acquire it.
     */
    private boolean mayFail(int at) {
        AbstractInsnNode here = code.get(at);
        if (here instanceof MethodInsnNode call) {
            return effect(at) != Effect.RELEASES && !methods.isSafe(call);
        }
        return switch (here.getOpcode()) {
            case Opcodes.NEW,
                    Opcodes.NEWARRAY,
                    Opcodes.ANEWARRAY,
                    Opcodes.MULTIANEWARRAY,
                    Opcodes.IDIV,
                    Opcodes.LDIV,
                    Opcodes.IREM,
                    Opcodes.LREM,
                    Opcodes.INVOKEDYNAMIC,
                    Opcodes.ATHROW -> true;
            // A string may be allocated at its first use.
            case Opcodes.LDC -> !(((LdcInsnNode) here).cst instanceof Number);
            default -> false;
        };
    }

    /** Returns the lock of a call: its receiver or argument, or the variable or field that stores its result. */
    private String lockOf(int at) {
        MethodInsnNode call = (MethodInsnNode) code.get(at);
        if (call.desc.endsWith(";") || call.name.equals("<init>")) {
            AbstractInsnNode next = code.get(at + 1);
            return next.getOpcode() == Opcodes.ASTORE || next.getOpcode() == Opcodes.PUTFIELD ? nameOf(next) : "result";
        }
        // The arguments of a call with a receiver are constants or variables.
        int arguments = call.getOpcode() == Opcodes.INVOKESTATIC ? 0 : Type.getArgumentTypes(call.desc).length;
        AbstractInsnNode receiver = code.get(Math.max(at - 1 - arguments, 0));
        boolean isThis = receiver instanceof VarInsnNode variable
                && variable.var == 0
                && (method.access & Opcodes.ACC_STATIC) == 0;
        if (isThis) {
            return methods.ownLock();
        }
        boolean isTaken = receiver instanceof MethodInsnNode taking
                && taking.desc.endsWith(";")
                && methods.effect(taking) != Effect.NONE;
        return isTaken ? "result" : nameOf(receiver);
    }

    private static String nameOf(AbstractInsnNode node) {
        if (node instanceof VarInsnNode variable) {
            return "variable " + variable.var;
        } else if (node instanceof FieldInsnNode field) {
            return field.name;
        } else if (node instanceof MethodInsnNode call) {
            return call.name;
        } else if (node instanceof InvokeDynamicInsnNode call) {
            return call.name;
        }
        return node instanceof TypeInsnNode type ? type.desc : "an element";
    }

    private String placeOf(int at) {
        AbstractInsnNode node = code.get(at);
        while (node.getPrevious() != null && !(node instanceof LineNumberNode)) {
            node = node.getPrevious();
        }
        int line = node instanceof LineNumberNode number ? number.line : 0;
        return "line " + line + ": " + nameOf(code.get(at));
    }
}
