// ort_run.js FOLDER MODEL IN OUT DIMENSION...: raw float32 in, ONNX Runtime's (FOLDER/node_modules) first output raw out.
const fs = require('fs');
const path = require('path');
const [, , folder, model, input, output, ...dims] = process.argv;
const ort = require(path.join(folder, 'node_modules', 'onnxruntime-node'));

(async () => {
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: 'disabled', logSeverityLevel: 3 });
  const bytes = fs.readFileSync(input);
  const x = new ort.Tensor('float32', new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), dims.map(Number));
  const y = (await session.run({ [session.inputNames[0]]: x }))[session.outputNames[0]].data;
  fs.writeFileSync(output, Buffer.from(y.buffer, y.byteOffset, y.byteLength));
})().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
