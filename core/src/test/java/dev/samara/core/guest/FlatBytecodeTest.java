// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * The methods of an access that hits are small and nested at most three deep, according to their class files. A larger
 * method would be inlined into hot code only, and most accesses of an interpreter are not hot when the interpreter is
 * compiled.
 */
final class FlatBytecodeTest {
    /** The default of MaxInlineSize. */
    private static final int MOST_BYTES = 35;

    private static final int MOST_NESTED = 3;

    /** The methods that only misses call. Each access that misses calls one of them. */
    private static final Set<String> MISSED = Set.of("find([J[JJII)J", "hasFailed(III)Z");

    /** The methods that keep the CPU reachable until they are called. */
    private static final Set<String> FENCES = Set.of("fenced", "ordered", "reachabilityFence");

    /** A method of FlatMemory or one of its superclasses. */
    private static final class Code {
        private final String name;
        private final boolean isPublic;
        private final Set<String> calls = new HashSet<>();
        private boolean branches;

        /** The calls, in instruction order. */
        private final List<String> sequence = new ArrayList<>();

        private int bytes;

        Code(String name, boolean isPublic) {
            this.name = name;
            this.isPublic = isPublic;
        }
    }

    /** The methods by class, name and descriptor. */
    private final Map<String, Code> methods = new HashMap<>();

    private final List<String> accesses = new ArrayList<>();

    FlatBytecodeTest() throws IOException {
        for (Class<?> type = FlatMemory.class; type != Object.class; type = type.getSuperclass()) {
            read(type);
        }
        methods.forEach((key, code) -> {
            // Load-reserved and store-conditional are composed of these accesses.
            if (code.isPublic
                    && code.name.matches("(load|store|fetch|compareAnd|getAnd).*")
                    && !code.name.matches(".*(Reserved|Conditional).*")) {
                accesses.add(key);
            }
        });
    }

    private void read(Class<?> type) throws IOException {
        String owner = Type.getInternalName(type);
        try (var file = Objects.requireNonNull(type.getResourceAsStream("/" + owner + ".class"))) {
            ClassReader reader = new ClassReader(file);
            // A writer that keeps the constants of the class file gives each instruction the same length as in the
            // file.
            reader.accept(
                    new ClassVisitor(Opcodes.ASM9, new ClassWriter(reader, 0)) {
                        @Override
                        public MethodVisitor visitMethod(
                                int access, String name, String descriptor, String signature, String[] exceptions) {
                            Code code = new Code(name, (access & Opcodes.ACC_PUBLIC) != 0);
                            methods.put(owner + '.' + name + descriptor, code);
                            MethodVisitor writer = super.visitMethod(access, name, descriptor, signature, exceptions);
                            return new MethodVisitor(Opcodes.ASM9, writer) {
                                @Override
                                public void visitMethodInsn(
                                        int opcode, String of, String called, String type, boolean isInterface) {
                                    code.calls.add(of + '.' + called + type);
                                    code.sequence.add(of + '.' + called + type);
                                    super.visitMethodInsn(opcode, of, called, type, isInterface);
                                }

                                @Override
                                public void visitJumpInsn(int opcode, Label to) {
                                    code.branches = true;
                                    super.visitJumpInsn(opcode, to);
                                }

                                @Override
                                public void visitMaxs(int stack, int locals) {
                                    Label end = new Label();
                                    super.visitLabel(end);
                                    code.bytes = end.getOffset();
                                    super.visitMaxs(stack, locals);
                                }
                            };
                        }
                    },
                    0);
        }
    }

    /** Returns the method that a call invokes, in the named class or a superclass; empty if it is neither. */
    private String target(String call) {
        String name = call.substring(call.indexOf('.'));
        boolean isOurs = false;
        for (Class<?> type = FlatMemory.class; type != Object.class; type = type.getSuperclass()) {
            String owner = Type.getInternalName(type);
            isOurs |= call.startsWith(owner + '.');
            if (isOurs && methods.containsKey(owner + name)) {
                return owner + name;
            }
        }
        return "";
    }

    /**
     * Returns whether a method is only for misses: it calls one of {@link #MISSED}, or, without a branch, a method that
     * does.
     */
    private boolean isSlow(String method) {
        Code code = methods.get(method);
        if (code == null) {
            return false;
        }
        boolean misses = code.calls.stream().anyMatch(call -> MISSED.contains(call.substring(call.indexOf('.') + 1)));
        return misses || (!code.branches && code.calls.stream().anyMatch(call -> isSlow(target(call))));
    }

    /** Adds the methods that a hit calls to the path, and returns their nesting depth. */
    private int follow(String method, Set<String> path) {
        Code code = Objects.requireNonNull(methods.get(method));
        if (isSlow(method)) {
            return 0;
        }
        path.add(method);
        int deepest = 0;
        for (String call : code.calls) {
            String target = target(call);
            if (!target.isEmpty()) {
                deepest = Math.max(deepest, follow(target, path));
            }
        }
        return deepest + 1;
    }

    @Test
    @DisplayName("no method of an access that hits has more than 35 bytes of bytecode")
    void sizes() {
        Set<String> path = new TreeSet<>();
        accesses.forEach(access -> follow(access, path));
        Set<String> larger = new TreeSet<>();
        for (String method : path) {
            Code code = Objects.requireNonNull(methods.get(method));
            assertTrue(code.bytes > 0, method);
            if (code.bytes > MOST_BYTES) {
                larger.add(method + ": " + code.bytes);
            }
        }
        assertEquals(Set.of(), larger);
    }

    /** Returns whether a method accesses the region and then calls no fence. */
    private boolean isUnfenced(String method) {
        boolean isUnfenced = false;
        for (String call : Objects.requireNonNull(methods.get(method)).sequence) {
            String name = call.substring(call.indexOf('.') + 1, call.indexOf('('));
            String target = target(call);
            if (FENCES.contains(name)) {
                isUnfenced = false;
            } else if (call.matches("java/(nio/\\w*ByteBuffer|lang/invoke/VarHandle)\\..*")) {
                isUnfenced = true;
            } else if (!target.isEmpty() && !isSlow(target)) {
                isUnfenced |= isUnfenced(target);
            }
        }
        return isUnfenced;
    }

    @Test
    @DisplayName("each access that hits ends with a fence, so that no CPU is lost before its last access")
    void fences() {
        Set<String> unfenced = new TreeSet<>();
        accesses.stream().filter(this::isUnfenced).forEach(unfenced::add);
        assertEquals(Set.of(), unfenced);
        Set<String> path = new TreeSet<>();
        accesses.forEach(access -> follow(access, path));
        assertTrue(path.stream().anyMatch(method -> method.endsWith("FlatMemory.putPair(IJJ)V")), path::toString);
    }

    @Test
    @DisplayName("the methods of an access that hits are nested at most three deep")
    void nesting() {
        Set<String> deeper = new TreeSet<>();
        for (String access : accesses) {
            int depth = follow(access, new HashSet<>());
            if (depth > MOST_NESTED) {
                deeper.add(access + ": " + depth);
            }
        }
        assertEquals(Set.of(), deeper);
    }

    @Test
    @DisplayName("each access is final, and there are all of each width")
    void complete() {
        for (String access : accesses) {
            String name = access.substring(access.indexOf('.') + 1, access.indexOf('('))
                    .replaceAll("Byte|Short|Int|Long", "W");
            assertTrue(
                    name.matches("((load|fetch|store|compareAnd(Set|Exchange)|getAnd(Add|Set|Bitwise(And|Or|Xor)))W"
                            + "|loadW(Opaque|Acquire|Volatile)|storeW(Opaque|Release|Volatile|Pair)"
                            + "|(load|store)(Float|Double))"),
                    access);
        }
        assertEquals(4 * (3 + 6 + 7) + 1 + 4, accesses.size(), "for each width, the pair, float and double");
    }
}
