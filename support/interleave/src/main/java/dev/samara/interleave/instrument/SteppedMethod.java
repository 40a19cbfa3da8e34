// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import static dev.samara.interleave.instrument.SteppedClass.STEPS;

import java.util.Set;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Instruments the code of one method. If a call to the scheduler needs the arguments of the instruction, the call is in
 * a bridge: a private static method that takes the arguments, announces the step, and performs it.
 */
final class SteppedMethod extends MethodVisitor {
    private static final String HANDLE = HandleBridge.HANDLE;
    private static final String FUTURE = "java/util/concurrent/CompletableFuture";
    private static final Set<String> COLLECTIONS = Set.of(
            "java/util/Map",
            "java/util/Queue",
            "java/util/Deque",
            "java/util/Set",
            "java/util/Collection",
            "java/util/SortedMap",
            "java/util/NavigableMap",
            "java/util/SequencedMap",
            "java/util/SequencedCollection");
    private static final Set<String> CALLBACKS = Set.of(
            "dev/samara/core/vma/Backing",
            "dev/samara/core/vma/VmOperations",
            "dev/samara/core/vma/FrameStore",
            "dev/samara/core/backing/CachedBacking");

    private final SteppedClass around;
    private final String method;
    private final boolean buffers;
    private int line;

    SteppedMethod(MethodVisitor next, SteppedClass around, String method, boolean buffers) {
        super(Opcodes.ASM9, next);
        this.buffers = buffers;
        this.around = around;
        this.method = method;
    }

    private String site() {
        return SharedFields.simple(around.name()) + '.' + method + ':' + line;
    }

    private void announce(String what, String descriptor) {
        super.visitLdcInsn(site());
        super.visitMethodInsn(Opcodes.INVOKESTATIC, STEPS, what, descriptor, false);
    }

    @Override
    public void visitCode() {
        super.visitCode();
        if (method.equals("<clinit>")) {
            super.visitMethodInsn(Opcodes.INVOKESTATIC, STEPS, "beginQuiet", "()V", false);
        }
    }

    @Override
    public void visitLineNumber(int line, Label start) {
        this.line = line;
        super.visitLineNumber(line, start);
    }

    @Override
    public void visitInsn(int opcode) {
        if (opcode == Opcodes.MONITORENTER) {
            announce("monitorEnter", "(Ljava/lang/Object;Ljava/lang/String;)V");
        } else if (opcode == Opcodes.MONITOREXIT) {
            announce("monitorExit", "(Ljava/lang/Object;Ljava/lang/String;)V");
        } else {
            if (opcode == Opcodes.RETURN && method.equals("<clinit>")) {
                super.visitMethodInsn(Opcodes.INVOKESTATIC, STEPS, "endQuiet", "()V", false);
            }
            super.visitInsn(opcode);
        }
    }

    @Override
    public void visitTypeInsn(int opcode, String type) {
        super.visitTypeInsn(opcode, opcode == Opcodes.NEW ? Replaced.type(type) : type);
    }

    @Override
    public void visitFieldInsn(int opcode, String owner, String name, String descriptor) {
        String shared = around.fields.volatileName(owner, name);
        if (shared != null) {
            boolean isWide = Type.getType(descriptor).getSize() == 2;
            switch (opcode) {
                case Opcodes.GETSTATIC, Opcodes.PUTSTATIC -> super.visitInsn(Opcodes.ACONST_NULL);
                case Opcodes.GETFIELD -> super.visitInsn(Opcodes.DUP);
                default -> {
                    super.visitInsn(isWide ? Opcodes.DUP2_X1 : Opcodes.DUP2);
                    super.visitInsn(isWide ? Opcodes.POP2 : Opcodes.POP);
                    if (isWide) {
                        super.visitInsn(Opcodes.DUP_X2);
                    }
                }
            }
            boolean reads = opcode == Opcodes.GETFIELD || opcode == Opcodes.GETSTATIC;
            super.visitLdcInsn(shared);
            announce(reads ? "read" : "write", "(Ljava/lang/Object;Ljava/lang/String;Ljava/lang/String;)V");
        }
        super.visitFieldInsn(opcode, owner, name, descriptor);
    }

    @Override
    public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
        boolean isStatic = opcode == Opcodes.INVOKESTATIC;
        if (opcode == Opcodes.INVOKESPECIAL) {
            noteLock(owner, name);
            boolean isWait = (name.equals("join") || name.equals("get")) && descriptor.startsWith("()");
            if (isWait && around.fields.isA(owner, FUTURE)) {
                super.visitInsn(Opcodes.DUP);
                announce("awaitFuture", "(Ljava/util/concurrent/Future;Ljava/lang/String;)V");
            }
            String called = owner.equals(Replaced.THREAD) && name.equals("run") ? "body" : name;
            super.visitMethodInsn(opcode, Replaced.type(owner), called, descriptor, isInterface);
            return;
        }
        String replacement = Replaced.method(owner, name, descriptor, isStatic, true, around.fields);
        if (replacement != null) {
            super.visitLdcInsn(site());
            super.visitMethodInsn(Opcodes.INVOKESTATIC, Replaced.THREADS, name, replacement, false);
        } else if (buffers && owner.equals(HANDLE) && name.equals("fullFence")) {
            super.visitLdcInsn(site());
            super.visitMethodInsn(Opcodes.INVOKESTATIC, HandleBridge.BUFFERED, "fence", "(Ljava/lang/String;)V", false);
        } else if (owner.equals(HANDLE) && !isStatic && isAccess(name)) {
            throughHandle(name, descriptor);
        } else if (!isStatic && name.equals("hasQueuedThreads") && fieldsSayLock(owner)) {
            announce("hasQueuedThreads", "(L" + Replaced.LOCK + ";Ljava/lang/String;)Z");
        } else if (owner.equals("java/lang/Object") && (name.startsWith("notify") || name.equals("wait"))) {
            throw new UnsupportedOperationException(site() + ": " + name);
        } else {
            String step = isStatic ? null : step(owner, name);
            if (step != null) {
                String full = withReceiver(owner, descriptor);
                around.callBridge(this.mv, calling(step, opcode, owner, name, descriptor, isInterface), full);
            } else {
                noteLock(owner, name);
                super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
            }
        }
    }

    private boolean fieldsSayLock(String owner) {
        return around.fields.isA(owner, Replaced.LOCK);
    }

    /**
     * Passes the site of a lock operation to the scheduler. Locks announce their steps themselves, but do not know
     * their callers.
     */
    private void noteLock(String owner, String name) {
        boolean isLock = owner.startsWith("java/util/concurrent/locks/") || owner.equals(Replaced.SEMAPHORE);
        if (!name.equals("<init>") && (isLock || fieldsSayLock(owner))) {
            announce("at", "(Ljava/lang/String;)V");
        }
    }

    private static boolean isAccess(String name) {
        return name.startsWith("get")
                || name.startsWith("set")
                || name.startsWith("compareAnd")
                || name.startsWith("weakCompareAnd");
    }

    /** Returns the scheduler's method that announces a call, or null if the call is not a step. */
    private static @org.jspecify.annotations.Nullable String step(String owner, String name) {
        if (owner.equals("java/nio/ByteBuffer") || owner.equals("java/nio/MappedByteBuffer")) {
            return name.startsWith("get") || name.startsWith("put") ? "bytes" : null;
        }
        if (owner.startsWith("java/util/concurrent/atomic/")
                || owner.startsWith("java/util/concurrent/Concurrent")
                || owner.startsWith("java/util/concurrent/CopyOnWrite")
                || owner.startsWith("org/jctools/")) {
            return "call";
        }
        if (owner.equals(FUTURE) || owner.equals("java/util/concurrent/Future")) {
            return name.equals("get") || name.equals("join") ? "awaitFuture" : "call";
        }
        if (COLLECTIONS.contains(owner)) {
            return "collection";
        }
        return isCallback(owner) ? "callback" : null;
    }

    /** Returns whether an embedder implements the methods of a class. */
    static boolean isCallback(String owner) {
        boolean isListener =
                owner.startsWith("dev/samara/core/event/") && owner.matches(".*(Listener|Notifier|Delivery)");
        return isListener || CALLBACKS.contains(owner);
    }

    private static String withReceiver(String owner, String descriptor) {
        return "(L" + owner + ';' + descriptor.substring(1);
    }

    /** Returns a bridge that announces a call and then makes it. */
    private String calling(String step, int opcode, String owner, String name, String descriptor, boolean isInterface) {
        String full = withReceiver(owner, descriptor);
        String site = site();
        return around.bridge(full, to -> {
            switch (step) {
                case "bytes" -> {
                    to.visitLdcInsn(name);
                    to.visitLdcInsn(site);
                    call(to, step, "(Ljava/lang/String;Ljava/lang/String;)V");
                }
                case "callback" -> {
                    to.visitLdcInsn(SharedFields.simple(owner) + '.' + name);
                    to.visitLdcInsn(site);
                    call(to, step, "(Ljava/lang/String;Ljava/lang/String;)V");
                }
                case "awaitFuture" -> {
                    to.visitVarInsn(Opcodes.ALOAD, 0);
                    to.visitLdcInsn(site);
                    call(to, step, "(Ljava/util/concurrent/Future;Ljava/lang/String;)V");
                }
                default -> {
                    to.visitVarInsn(Opcodes.ALOAD, 0);
                    to.visitLdcInsn(name);
                    to.visitLdcInsn(site);
                    call(to, step, "(Ljava/lang/Object;Ljava/lang/String;Ljava/lang/String;)V");
                }
            }
            SteppedClass.Bridge.loadArguments(to, Type.getArgumentTypes(full));
            to.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
        });
    }

    private static void call(MethodVisitor to, String step, String descriptor) {
        to.visitMethodInsn(Opcodes.INVOKESTATIC, STEPS, step, descriptor, false);
    }

    private void throughHandle(String name, String descriptor) {
        String full = withReceiver(HANDLE, descriptor);
        boolean isBuffered = buffers && HandleBridge.mayWait(name);
        SteppedClass.Bridge code = isBuffered
                ? HandleBridge.buffered(name, descriptor, site())
                : HandleBridge.announced(name, descriptor, site());
        around.callBridge(mv, around.bridge(full, code), full);
    }

    @Override
    public void visitInvokeDynamicInsn(String name, String descriptor, Handle bootstrap, Object... arguments) {
        Object[] replaced = arguments.clone();
        for (int i = 0; i < replaced.length; i++) {
            if (replaced[i] instanceof Handle handle) {
                replaced[i] = replaced(handle);
            }
        }
        super.visitInvokeDynamicInsn(name, descriptor, bootstrap, replaced);
    }

    /** Replaces a method reference with one that announces the step of the call. */
    private Handle replaced(Handle handle) {
        String owner = handle.getOwner();
        if (handle.getTag() == Opcodes.H_NEWINVOKESPECIAL) {
            return new Handle(handle.getTag(), Replaced.type(owner), handle.getName(), handle.getDesc(), false);
        }
        boolean isStatic = handle.getTag() == Opcodes.H_INVOKESTATIC;
        if (!isStatic && handle.getTag() != Opcodes.H_INVOKEVIRTUAL && handle.getTag() != Opcodes.H_INVOKEINTERFACE) {
            return handle;
        }
        String name = handle.getName();
        String replacement = Replaced.method(owner, name, handle.getDesc(), isStatic, true, around.fields);
        if (replacement != null) {
            String full = isStatic ? handle.getDesc() : withReceiver(owner, handle.getDesc());
            String site = site();
            String target = replacement;
            return around.bridgeHandle(
                    around.bridge(full, to -> {
                        SteppedClass.Bridge.loadArguments(to, Type.getArgumentTypes(full));
                        to.visitLdcInsn(site);
                        to.visitMethodInsn(Opcodes.INVOKESTATIC, Replaced.THREADS, name, target, false);
                    }),
                    full);
        }
        String step = isStatic ? null : step(owner, name);
        if (step == null) {
            return handle;
        }
        int opcode = handle.isInterface() ? Opcodes.INVOKEINTERFACE : Opcodes.INVOKEVIRTUAL;
        return around.bridgeHandle(
                calling(step, opcode, owner, name, handle.getDesc(), handle.isInterface()),
                withReceiver(owner, handle.getDesc()));
    }
}
