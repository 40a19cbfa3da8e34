// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static java.util.Map.entry;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
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
 * {@code VarHandle} of array elements and each atomic, with the modes in which methods access the word.
 *
 * <p>A word is named {@code word of Class}; a field with a handle is named {@code word (HANDLE) of Class}. A nested
 * class belongs to the class of its file. A mode is named {@code read MODE} or {@code written MODE}; an access that
 * does both, such as a compare-and-set, is a write. A plain access by a handle of array elements is {@code plain, by
 * its handle}. Stores to fields in constructors are excluded, because no other thread can reach these fields yet.
 * Accesses in a method that nothing calls are excluded, too, because the accessor for a mode remains in the class file
 * after its last caller switched to another mode.
 */
final class SharedWords {
    private static final String HANDLE = "java/lang/invoke/VarHandle";
    private static final String ATOMICS = "java/util/concurrent/atomic/";

    /** The modes of access methods, for both handles and atomics. */
    private static final Map<String, String> MODES = Map.ofEntries(
            entry("getAcquire", "read acquire"),
            entry("getOpaque", "read opaque"),
            entry("getPlain", "read plain"),
            entry("getVolatile", "read volatile"),
            entry("sum", "read sum"),
            entry("setRelease", "written release"),
            entry("lazySet", "written release"),
            entry("setOpaque", "written opaque"),
            entry("setPlain", "written plain"),
            entry("setVolatile", "written volatile"),
            entry("compareAndSet", "written compare-and-set"),
            entry("weakCompareAndSetPlain", "written compare-and-set, plain"),
            entry("weakCompareAndSetAcquire", "written compare-and-set, acquire"),
            entry("weakCompareAndSetRelease", "written compare-and-set, release"),
            entry("weakCompareAndSet", "written compare-and-set"),
            entry("weakCompareAndSetVolatile", "written compare-and-set"),
            entry("compareAndExchange", "written compare-and-exchange"),
            entry("compareAndExchangeAcquire", "written compare-and-exchange, acquire"),
            entry("compareAndExchangeRelease", "written compare-and-exchange, release"),
            entry("getAndSet", "written get-and-set"),
            entry("getAndSetAcquire", "written get-and-set, acquire"),
            entry("getAndSetRelease", "written get-and-set, release"),
            entry("getAndBitwiseOr", "written get-and-or"),
            entry("getAndBitwiseOrAcquire", "written get-and-or, acquire"),
            entry("getAndBitwiseOrRelease", "written get-and-or, release"),
            entry("getAndBitwiseAnd", "written get-and-and"),
            entry("getAndBitwiseAndAcquire", "written get-and-and, acquire"),
            entry("getAndBitwiseAndRelease", "written get-and-and, release"),
            entry("getAndBitwiseXor", "written get-and-xor"),
            entry("getAndBitwiseXorAcquire", "written get-and-xor, acquire"),
            entry("getAndBitwiseXorRelease", "written get-and-xor, release"),
            entry("getAndAdd", "written get-and-add"),
            entry("getAndAddAcquire", "written get-and-add, acquire"),
            entry("getAndAddRelease", "written get-and-add, release"),
            entry("getAndIncrement", "written get-and-add"),
            entry("getAndDecrement", "written get-and-add"),
            entry("addAndGet", "written get-and-add"),
            entry("incrementAndGet", "written get-and-add"),
            entry("decrementAndGet", "written get-and-add"),
            entry("getAndUpdate", "written get-and-update"),
            entry("updateAndGet", "written get-and-update"),
            entry("getAndAccumulate", "written get-and-update"),
            entry("accumulateAndGet", "written get-and-update"),
            entry("add", "written adder"),
            entry("increment", "written adder"),
            entry("decrement", "written adder"));

    /** The access methods without a mode in their names, which are plain for a handle and volatile for an atomic. */
    private static final Map<String, String> BARE = Map.of("get", "read ", "set", "written ");

    private final Map<String, ClassNode> classes = new HashMap<>();

    /** The word of a field or handle, by its declaring class and its name. */
    private final Map<String, String> words = new HashMap<>();

    private final Set<String> volatiles = new HashSet<>();
    private final Map<String, Set<String>> modes = new TreeMap<>();
    private final Set<String> untraced = new TreeSet<>();

    /** The methods that any method calls, without their classes, because a subclass may call an inherited method. */
    private final Set<String> called = new HashSet<>();

    private SharedWords(Stream<ClassNode> nodes) {
        nodes.forEach(node -> classes.put(node.name, node));
        classes.values().forEach(this::addHandles);
        classes.values().forEach(this::addFields);
        words.values().forEach(word -> modes.put(word, new TreeSet<>()));
        classes.values().forEach(this::addCalled);
        classes.values().forEach(this::addAccesses);
    }

    /** Reads the class files in a directory. */
    static SharedWords in(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return new SharedWords(files
                    .filter(file -> file.toString().endsWith(".class"))
                    .filter(file -> !file.endsWith("module-info.class"))
                    .map(file -> read(() -> Files.readAllBytes(file)))
                    .toList()
                    .stream());
        }
    }

    /** Reads the class files of some classes. */
    static SharedWords of(Class<?>... types) {
        return new SharedWords(Stream.of(types)
                .map(type -> read(() -> {
                    try (var file = type.getResourceAsStream("/" + Type.getInternalName(type) + ".class")) {
                        return Objects.requireNonNull(file).readAllBytes();
                    }
                })));
    }

    /** Returns the modes of each word. */
    Map<String, Set<String>> modes() {
        return modes;
    }

    /** Returns the accesses whose word was not found, e.g. because the atomic or handle was passed as an argument. */
    Set<String> untraced() {
        return untraced;
    }

    private interface Bytes {
        byte[] get() throws IOException;
    }

    private static ClassNode read(Bytes bytes) {
        try {
            ClassNode node = new ClassNode();
            new ClassReader(bytes.get()).accept(node, ClassReader.SKIP_DEBUG);
            return node;
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    private static boolean isAccess(String owner, String name) {
        boolean isShared = owner.equals(HANDLE) || owner.startsWith(ATOMICS);
        return isShared && (MODES.containsKey(name) || BARE.containsKey(name));
    }

    /** Returns whether a field contains a handle, an atomic, or an array of these. */
    private static boolean hasWord(String descriptor) {
        Type type = Type.getType(descriptor);
        String name = (type.getSort() == Type.ARRAY ? type.getElementType() : type).getInternalName();
        return name.equals(HANDLE) || name.startsWith(ATOMICS);
    }

    private static String file(String type) {
        String simple = type.substring(type.lastIndexOf('/') + 1);
        return simple.contains("$") ? simple.substring(0, simple.indexOf('$')) : simple;
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
                    type = literal.getInternalName();
                } else if (instruction instanceof LdcInsnNode constant && constant.cst instanceof String literal) {
                    // The preceding type is the field's class; the field's type follows.
                    owner = type;
                    field = literal;
                } else if (instruction instanceof MethodInsnNode call && call.name.equals("findVarHandle")) {
                    // The instruction after the call stores its result.
                    String handle = ((FieldInsnNode) call.getNext()).name;
                    String word = field + " (" + handle + ") of " + file(owner);
                    words.put(key(owner, field), word);
                    words.put(key(node.name, handle), word);
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
                words.putIfAbsent(key(node.name, field.name), field.name + " of " + file(node.name));
            }
        }
    }

    private void addCalled(ClassNode node) {
        for (MethodNode method : node.methods) {
            for (AbstractInsnNode instruction : method.instructions) {
                if (instruction instanceof MethodInsnNode call) {
                    called.add(call.name + call.desc);
                } else if (instruction instanceof InvokeDynamicInsnNode lambda) {
                    Stream.of(lambda.bsmArgs)
                            .filter(Handle.class::isInstance)
                            .map(Handle.class::cast)
                            .forEach(of -> called.add(of.getName() + of.getDesc()));
                }
            }
        }
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

    private void addMode(String word, String mode) {
        modes.computeIfAbsent(word, unknown -> new TreeSet<>()).add(mode);
    }

    private void addAccesses(ClassNode node) {
        for (MethodNode method : node.methods) {
            if (isUnused(method)) {
                continue;
            }
            String where = node.name + "." + method.name;
            boolean isInitializer = method.name.startsWith("<");
            for (AbstractInsnNode instruction : method.instructions) {
                if (instruction instanceof FieldInsnNode access && !isInitializer && !hasWord(access.desc)) {
                    String word = words.get(key(access));
                    if (word != null) {
                        boolean isRead =
                                access.getOpcode() == Opcodes.GETFIELD || access.getOpcode() == Opcodes.GETSTATIC;
                        addMode(
                                word,
                                (isRead ? "read " : "written ")
                                        + (volatiles.contains(key(access)) ? "volatile" : "plain"));
                    }
                } else if (instruction instanceof InvokeDynamicInsnNode lambda) {
                    Stream.of(lambda.bsmArgs)
                            .filter(argument -> argument instanceof Handle of && isAccess(of.getOwner(), of.getName()))
                            .forEach(argument -> untraced.add(where + ": " + argument));
                }
            }
            addCalls(node, method, where);
        }
    }

    private void addCalls(ClassNode node, MethodNode method, String where) {
        Frame<SourceValue>[] frames;
        try {
            frames = new Analyzer<>(new FieldSource()).analyze(node.name, method);
        } catch (AnalyzerException broken) {
            throw new AssertionError(where, broken);
        }
        for (int i = 0; i < frames.length; i++) {
            if (frames[i] != null
                    && method.instructions.get(i) instanceof MethodInsnNode call
                    && isAccess(call.owner, call.name)) {
                int arguments = Type.getArgumentTypes(call.desc).length;
                addCall(where, call, frames[i].getStack(frames[i].getStackSize() - arguments - 1));
            }
        }
    }

    private void addCall(String where, MethodInsnNode call, SourceValue receiver) {
        String bare = BARE.getOrDefault(call.name, "") + (call.owner.equals(HANDLE) ? "plain" : "volatile");
        if (receiver.insns.isEmpty()) {
            // The receiver is a parameter.
            untraced.add(where + ": " + call.name);
        }
        for (AbstractInsnNode source : receiver.insns) {
            String word = source instanceof FieldInsnNode field ? words.get(key(field)) : null;
            if (word != null) {
                boolean isElement = call.owner.equals(HANDLE) && !word.contains("(");
                addMode(word, MODES.getOrDefault(call.name, isElement ? bare + ", by its handle" : bare));
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
