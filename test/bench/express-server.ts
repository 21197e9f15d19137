/** What one would write with express alone: `node --import tsx test/bench/express-server.ts PORT FILE LENGTH`. */
import express from 'express';

const [port = '0', file = '', length = '0'] = process.argv.slice(2);
const text = 'x'.repeat(Number(length));
const app = express();
app.get('/file', (_request, response) => response.sendFile(file, { dotfiles: 'allow' }));
app.get('/text', (_request, response) => {
  response.type('text/plain').send(text);
});
app.listen(Number(port), () => console.log('ready'));
