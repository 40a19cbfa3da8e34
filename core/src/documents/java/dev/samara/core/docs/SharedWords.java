// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.FieldNode;
import org.objectweb.asm.tree.InvokeDynamicInsnNode;
import org.objectweb.asm.tree.LdcInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.analysis.Analyzer;
import org.objectweb.asm.tree.analysis.AnalyzerException;
import org.objectweb.asm.tree.analysis.Frame;
import org.objectweb.asm.tree.analysis.SourceInterpreter;
import org.objectweb.asm.tree.analysis.SourceValue;

/**
 * The words that threads share, as found in class files: each volatile field, each field with a {@code VarHandle}, each
 * {@code VarHandle} of array elements and each atomic, with its accesses.
 *
 * <p>A word is named {@code Class.field}, or {@code Outer.Nested.field}, without the package. An access is named like
 * the method of {@code VarHandle} or of the atomic: {@code getAcquire}; {@code getPlain} for a plain read of the field,
 * {@code getVolatile} for a read of a volatile field. Stores to fields in constructors are excluded, because no other
 * thread can reach these fields yet. Accesses in a method that nothing calls are excluded, too, because the accessor
 * for a mode remains in the class file after its last caller switched to another mode.
 */
final class SharedWords {
    private static final String HANDLE = "java/lang/invoke/VarHandle";
    private static final String ATOMICS = "java/util/concurrent/atomic/";

    /** Methods of atomics that are no accesses, or that read for a text. */
    private static final Set<String> OTHERS = Set.of("<init>", "length", "toString");

    /** The methods that make the handle of a field. */
    private static final Set<String> MAKERS = Set.of("findVarHandle", "fieldVarHandle");

    private final Map<String, ClassNode> classes = new HashMap<>();

    /** The word of a field or handle, by its declaring class and its name. */
    private final Map<String, String> words = new HashMap<>();

    private final Set<String> volatiles = new HashSet<>();
    private final Map<String, Set<String>> accesses = new TreeMap<>();
    private final Set<String> untraced = new TreeSet<>();

    /** The methods that any method calls, without their classes, because a subclass may call an inherited method. */
    private final Set<String> called = new HashSet<>();

    /** Reads class files. */
    SharedWords(List<Path> files) throws IOException {
        for (Path file : files) {
            ClassNode node = new ClassNode();
            new ClassReader(Files.readAllBytes(file)).accept(node, ClassReader.SKIP_DEBUG);
            classes.put(node.name, node);
        }
        classes.values().forEach(this::addHandles);
        classes.values().forEach(this::addFields);
        words.values().forEach(word -> accesses.put(word, new TreeSet<>()));
        classes.values().forEach(this::addCalled);
        for (ClassNode node : classes.values()) {
            for (MethodNode method : node.methods) {
                if (!isUnused(method)) {
                    addAccesses(node, method);
                }
            }
        }
    }

    /** Returns each word with its accesses. */
    Map<String, Set<String>> accesses() {
        return accesses;
    }

    /** Returns the accesses whose word was not found, e.g. because the atomic or handle was passed as an argument. */
    Set<String> untraced() {
        return untraced;
    }

    private static boolean isAccess(String owner, String name) {
        return (owner.equals(HANDLE) || owner.startsWith(ATOMICS)) && !OTHERS.contains(name) && !name.endsWith("Fence");
    }

    /** Returns whether a field contains a handle, an atomic, or an array of these. */
    private static boolean hasWord(String descriptor) {
        Type type = Type.getType(descriptor);
        String name = (type.getSort() == Type.ARRAY ? type.getElementType() : type).getInternalName();
        return name.equals(HANDLE) || name.startsWith(ATOMICS);
    }

    private static String word(String type, String field) {
        return type.replaceAll(".*/", "").replace('$', '.') + "." + field;
    }

    private static String key(String type, String field) {
        return type + "." + field;
    }

    /** Returns the key of a field, which the class named in an access declares or inherits. */
    private String key(FieldInsnNode access) {
        ClassNode type = classes.get(access.owner);
        while (type != null && type.fields.stream().noneMatch(field -> field.name.equals(access.name))) {
            type = classes.get(type.superName);
        }
        return key(type == null ? access.owner : type.name, access.name);
    }

    /** Finds the fields of the handles that a class initializer creates. */
    private void addHandles(ClassNode node) {
        for (MethodNode method : node.methods) {
            String type = "";
            String owner = "";
            String field = "";
            for (AbstractInsnNode instruction : method.instructions) {
                if (instruction instanceof LdcInsnNode constant && constant.cst instanceof Type literal) {
                    if (type.equals(HANDLE)) {
                        owner = literal.getInternalName();
                    }
                    type = literal.getInternalName();
                } else if (instruction instanceof LdcInsnNode constant && constant.cst instanceof String literal) {
                    // In findVarHandle, the preceding type is the field's class; in fieldVarHandle, the type after
                    // the handle's is. The field's type follows.
                    owner = type;
                    field = literal;
                } else if (instruction instanceof MethodInsnNode call && MAKERS.contains(call.name)) {
                    // The instruction after the call stores its result.
                    words.put(key(owner, field), word(owner, field));
                    words.put(key(node.name, ((FieldInsnNode) call.getNext()).name), word(owner, field));
                }
            }
        }
    }

    private void addFields(ClassNode node) {
        for (FieldNode field : node.fields) {
            boolean isVolatile = (field.access & Opcodes.ACC_VOLATILE) != 0;
            if (isVolatile) {
                volatiles.add(key(node.name, field.name));
            }
            if (isVolatile || hasWord(field.desc)) {
                words.putIfAbsent(key(node.name, field.name), word(node.name, field.name));
            }
        }
    }

    private void addCalled(ClassNode node) {
        for (MethodNode method : node.methods) {
            for (AbstractInsnNode instruction : method.instructions) {
                if (instruction instanceof MethodInsnNode call) {
                    called.add(call.name + call.desc);
                } else if (instruction instanceof InvokeDynamicInsnNode lambda) {
                    handles(lambda).forEach(of -> called.add(of.getName() + of.getDesc()));
                }
            }
        }
    }

    private static Stream<Handle> handles(InvokeDynamicInsnNode lambda) {
        return Stream.of(lambda.bsmArgs).filter(Handle.class::isInstance).map(Handle.class::cast);
    }

    /**
     * Returns whether a method is an accessor without callers: a private method, or a final method that only subclasses
     * in its package could call. Other methods without callers may be called by tests.
     */
    private boolean isUnused(MethodNode method) {
        boolean isInternal = (method.access & (Opcodes.ACC_PUBLIC | Opcodes.ACC_PROTECTED)) == 0
                && (method.access & (Opcodes.ACC_PRIVATE | Opcodes.ACC_FINAL)) != 0;
        return isInternal && !method.name.startsWith("<") && !called.contains(method.name + method.desc);
    }

    private void add(String word, String access) {
        accesses.computeIfAbsent(word, unknown -> new TreeSet<>()).add(access);
    }

    private void addAccesses(ClassNode node, MethodNode method) {
        String where = node.name + "." + method.name;
        Frame<SourceValue>[] frames;
        try {
            frames = new Analyzer<>(new FieldSource()).analyze(node.name, method);
        } catch (AnalyzerException broken) {
            throw new AssertionError(where, broken);
        }
        for (int i = 0; i < frames.length; i++) {
            AbstractInsnNode instruction = method.instructions.get(i);
            if (instruction instanceof FieldInsnNode access && !method.name.startsWith("<")) {
                String word = words.get(key(access));
                if (word != null && !hasWord(access.desc)) {
                    boolean isRead = Set.of(Opcodes.GETFIELD, Opcodes.GETSTATIC).contains(access.getOpcode());
                    add(word, (isRead ? "get" : "set") + (volatiles.contains(key(access)) ? "Volatile" : "Plain"));
                }
            } else if (instruction instanceof InvokeDynamicInsnNode lambda) {
                handles(lambda)
                        .filter(of -> isAccess(of.getOwner(), of.getName()))
                        .forEach(of -> untraced.add(where + ": " + of));
            } else if (frames[i] != null
                    && instruction instanceof MethodInsnNode call
                    && isAccess(call.owner, call.name)) {
                int arguments = Type.getArgumentTypes(call.desc).length;
                addCall(where, call, frames[i].getStack(frames[i].getStackSize() - arguments - 1));
            }
        }
    }

    private void addCall(String where, MethodInsnNode call, SourceValue receiver) {
        boolean isPlain = call.owner.equals(HANDLE) && call.name.matches("get|set");
        if (receiver.insns.isEmpty()) {
            // The receiver is a parameter.
            untraced.add(where + ": " + call.name);
        }
        for (AbstractInsnNode source : receiver.insns) {
            String word = source instanceof FieldInsnNode field ? words.get(key(field)) : null;
            if (word != null) {
                add(word, isPlain ? call.name + "Plain" : call.name);
            } else {
                untraced.add(where + ": " + call.name);
            }
        }
    }

    /** Follows a value through locals and arrays back to the field from which it was read. */
    private static final class FieldSource extends SourceInterpreter {
        FieldSource() {
            super(Opcodes.ASM9);
        }

        @Override
        public SourceValue copyOperation(AbstractInsnNode instruction, SourceValue value) {
            return value;
        }

        @Override
        public SourceValue binaryOperation(AbstractInsnNode instruction, SourceValue first, SourceValue second) {
            return instruction.getOpcode() == Opcodes.AALOAD
                    ? first
                    : super.binaryOperation(instruction, first, second);
        }
    }
}
